#include "worker/collective/barrier.h"

#include "worker/collective/relay.h"

namespace dl::worker::collective {

Result<void> barrier(Communicator& communicator) {
  if (communicator.failure()) return *communicator.failure();
  const std::uint32_t world = communicator.world_size();
  Call call = {.kind = CallKind::kBarrier, .sequence = communicator.next_sequence()};
  // After the round of distance d a rank knows of 2d ranks, itself included, that have come.
  for (std::uint32_t distance = 1; distance < world; distance *= 2, ++call.part) {
    const transport::Rank to = (communicator.rank() + distance) % world;
    const transport::Rank from = (communicator.rank() + world - distance) % world;
    SpanPlan plan({}, {}, false);
    DL_CHECK(communicator.settle(call, Relay(communicator, call, {to, from}, plan).run()));
  }
  return {};
}

}  // namespace dl::worker::collective
