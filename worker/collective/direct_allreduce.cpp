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
  Exchange exchange(communicator, call);
  for (std::uint32_t peer = 0; peer < world; ++peer) {
    if (peer == communicator.rank()) continue;
    exchange.send(peer, options.data);
    exchange.receive(peer, all.subspan(peer * bytes, bytes));
  }
  DL_CHECK(communicator.settle(call, exchange.run()));

  // In the order of ranks, so that all of them round alike.
  std::copy(options.data.begin(), options.data.end(), all.begin() + communicator.rank() * bytes);
  reduce_parts(options.type, options.op, all, options.data);
  return {};
}

}  // namespace dl::worker::collective
