#include <algorithm>

#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/exchange.h"
#include "worker/collective/reduction/reduce.h"

namespace dl::worker::collective {

Result<void> direct_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const Call call = allreduce_call(communicator, CallKind::kDirectAllreduce, options);
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.data.size();
  if (world == 1 || bytes == 0) return {};

  const transport::Bytes all = communicator.scratch(world * bytes);
  DL_CHECK(communicator.settle(call, exchange(communicator, call, options.data, all)));

  // In the order of ranks, so that all of them round alike.
  std::copy(options.data.begin(), options.data.end(), all.begin() + communicator.rank() * bytes);
  std::copy_n(all.begin(), bytes, options.data.begin());
  for (std::uint32_t rank = 1; rank < world; ++rank) {
    reduce_into(options.type, options.op, options.data, all.subspan(rank * bytes, bytes));
  }
  if (options.op == ReduceOp::kAverage) finish_average(options.type, options.data, world);
  return {};
}

}  // namespace dl::worker::collective
