#include "tests/bench/allreduce/copy_ring.h"

#include "worker/collective/relay.h"
#include "worker/collective/ring/walk.h"

namespace dl::bench {

using namespace worker::collective;  // NOLINT: the bench speaks the collectives' language.

Result<void> copy_ring(Communicator& communicator, std::span<std::byte> data) {
  const std::uint32_t world = communicator.world_size();
  const Call call = {.kind = CallKind::kRingAllreduce,
                     .sequence = communicator.next_sequence(),
                     .bytes = data.size()};
  const RingCut cut({.bytes = data.size(),
                     .element_bytes = sizeof(float),
                     .world_size = world,
                     .chunk_bytes = communicator.options().chunk_bytes});
  RingCopyPlan plan(RingWalk(cut, communicator.rank(), 2 * (world - 1)), data);
  Relay relay(communicator, call, {communicator.next(), communicator.previous()}, plan);
  return communicator.settle(call, relay.run());
}

}  // namespace dl::bench
