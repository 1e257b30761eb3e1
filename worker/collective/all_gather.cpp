#include "worker/collective/all_gather.h"

#include <cstring>

#include "worker/collective/exchange.h"
#include "worker/collective/relay.h"
#include "worker/collective/ring/walk.h"

namespace dl::worker::collective {
Result<void> all_gather(Communicator& communicator, const AllGatherOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  if (options.all.size() != world * bytes) {
    return invalid_argument("all-gather of " + std::to_string(bytes) + " bytes from each of " +
                            std::to_string(world) + " ranks into " +
                            std::to_string(options.all.size()) + " bytes");
  }
  const Call call = {.kind = CallKind::kAllGather,
                     .sequence = communicator.next_sequence(),
                     .bytes = bytes,
                     .label = options.label};
  if (bytes == 0) return {};
  std::memmove(options.all.data() + communicator.rank() * bytes, options.block.data(), bytes);
  if (world == 1) return {};
  if (bytes <= communicator.options().direct_bytes_max) {
    Exchange exchange(communicator, call);
    for (std::uint32_t peer = 0; peer < world; ++peer) {
      if (peer == communicator.rank()) continue;
      exchange.send(peer, options.all.subspan(communicator.rank() * bytes, bytes));
      exchange.receive(peer, options.all.subspan(peer * bytes, bytes));
    }
    return communicator.settle(call, exchange.run());
  }
  // Blocks come in the order rank − 1, rank − 2, …; out go the rank's own, then those that came.
  const RingCut cut({.bytes = options.all.size(),
                     .world_size = world,
                     .chunk_bytes = communicator.options().chunk_bytes,
                     .by_rank = true});
  RingCopyPlan plan(RingWalk(cut, communicator.rank(), world - 1), options.all);
  Relay relay(communicator, call, {communicator.next(), communicator.previous()}, plan);
  return communicator.settle(call, relay.run());
}

}  // namespace dl::worker::collective
