#include "worker/collective/broadcast.h"

#include "worker/collective/relay.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;
using transport::Rank;

Result<void> along_ring(Communicator& communicator, const Call& call, Bytes data, Rank root) {
  const bool first = communicator.rank() == root;
  const bool last = communicator.next() == root;
  Neighbours neighbours;
  if (!first) neighbours.from = communicator.previous();
  if (!last) neighbours.to = communicator.next();
  SpanPlan plan(last ? ConstBytes() : data, first ? Bytes() : data, !first);
  return Relay(communicator, call, neighbours, plan).run();
}

// Numbered from the root, rank n > 0 has its parent at n without its lowest set bit, and its
// children at n plus each lower power of two.
Result<void> down_tree(Communicator& communicator, const Call& call, Bytes data, Rank root) {
  const std::uint32_t world = communicator.world_size();
  const std::uint32_t number = (communicator.rank() + world - root) % world;
  const auto rank_of = [&](std::uint32_t n) { return (n + root) % world; };
  if (number != 0) {
    SpanPlan plan({}, data, false);
    const Rank parent = rank_of(number & (number - 1));
    DL_CHECK(Relay(communicator, call, {std::nullopt, parent}, plan).run());
  }
  std::uint32_t bit = 1;
  while (bit < world && (number & bit) == 0) bit <<= 1;
  for (bit >>= 1; bit > 0; bit >>= 1) {
    if (number + bit >= world) continue;
    SpanPlan plan(data, {}, false);
    DL_CHECK(Relay(communicator, call, {rank_of(number + bit), std::nullopt}, plan).run());
  }
  return {};
}

}  // namespace

Result<void> broadcast(Communicator& communicator, const BroadcastOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  DL_CHECK(check_root("broadcast from", communicator, options.root));
  const Call call = {.kind = CallKind::kBroadcast,
                     .part = options.root,
                     .sequence = communicator.next_sequence(),
                     .bytes = options.data.size(),
                     .label = options.label};
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  const bool small = options.data.size() <= communicator.options().direct_bytes_max;
  return communicator.settle(call,
                             small ? down_tree(communicator, call, options.data, options.root)
                                   : along_ring(communicator, call, options.data, options.root));
}

}  // namespace dl::worker::collective
