#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/shared/staged.h"

namespace dl::worker::collective {

// Slice c is summed in the order c, c + 1, …, as the ring sums its chunk c, and is cut alike: the
// bits are those of the ring.
Result<void> staged_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const Call call = allreduce_call(communicator, CallKind::kStagedAllreduce, options);
  const std::uint32_t world = communicator.world_size();
  if (world == 1 || options.data.empty()) return {};
  const StagedOptions staged = {
      .data = options.data,
      .type = options.type,
      .op = options.op,
      .divisor = options.op == ReduceOp::kAverage ? world : 1,
      .members = communicator.topology().local(),
      .cut = RingCut({.bytes = options.data.size(),
                      .element_bytes = size_of(options.type),
                      .world_size = world,
                      .chunk_bytes = communicator.options().chunk_bytes})};
  BoardCall board(communicator, call);
  return communicator.settle(call, Staged(communicator, board, staged).run());
}

}  // namespace dl::worker::collective
