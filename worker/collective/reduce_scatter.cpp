#include "worker/collective/reduce_scatter.h"

#include <algorithm>

#include "worker/collective/exchange.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/relay.h"
#include "worker/collective/ring/partial_sums.h"
#include "worker/collective/ring/walk.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;

// The first half of a ring all-reduce, with the sums on their way in memory of their own. Rank r
// sends block r − 1 first, so that the last one to come is its own.
//
// The memory holds a chunk and two segments: the ranks cannot all be waiting for room at once, as
// each would have to be more than a chunk ahead of the next.
class ReduceScatterPlan {
 public:
  ReduceScatterPlan(Communicator& communicator, const ReduceScatterOptions& options,
                    const RingCut& cut)
      : options_(options),
        world_(communicator.world_size()),
        segment_bytes_(communicator.options().segment_bytes),
        walk_(cut, communicator.previous(), world_ - 1),
        offset_(communicator.rank() * options.block.size()),
        sums_(communicator.scratch((cut.chunk_bytes_max() + 2 * segment_bytes_) / 64 * 64)) {}

  std::size_t out_bytes() const { return walk_.out_bytes(); }
  std::size_t in_bytes() const { return walk_.in_bytes(); }
  std::size_t sendable() const { return walk_.sendable(); }

  ConstBytes out() const {
    const Extent chunk = walk_.out();
    if (walk_.out_step() == 0) return options_.input.subspan(chunk.offset, chunk.size);
    const ConstBytes sums = sums_.front();
    return sums.first(std::min(sums.size(), chunk.size));
  }

  void sent(std::size_t n) {
    if (walk_.out_step() > 0) sums_.pop(n);
    walk_.sent(n);
  }

  Bytes in() const { return segment().subspan(filled_); }

  void received(std::size_t n) {
    filled_ += n;
    const Bytes came = segment();
    if (filled_ < came.size()) return;
    filled_ = 0;
    const std::size_t offset = walk_.in().offset;
    reduce_into(options_.type, options_.op, came, options_.input.subspan(offset, came.size()));
    if (walk_.in_step() + 2 == world_) {
      if (options_.op == ReduceOp::kAverage) finish_average(options_.type, came, world_);
      std::copy(came.begin(), came.end(), options_.block.begin() + (offset - offset_));
    } else {
      sums_.push(came.size());
    }
    walk_.processed(came.size());
  }

 private:
  Bytes segment() const { return sums_.room(std::min(walk_.in().size, segment_bytes_)); }

  const ReduceScatterOptions& options_;
  const std::uint32_t world_;
  const std::size_t segment_bytes_;
  RingWalk walk_;
  const std::size_t offset_;  // Of this rank's block in the input.
  PartialSums sums_;
  std::size_t filled_ = 0;  // Of the segment being received.
};

// Each block to its rank, then a sum in the order of ranks.
Result<void> directly(Communicator& communicator, const Call& call,
                      const ReduceScatterOptions& options) {
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  const Bytes all = communicator.scratch(world * bytes);
  Exchange exchange(communicator, call);
  for (std::uint32_t peer = 0; peer < world; ++peer) {
    if (peer == communicator.rank()) continue;
    exchange.send(peer, options.input.subspan(peer * bytes, bytes));
    exchange.receive(peer, all.subspan(peer * bytes, bytes));
  }
  DL_CHECK(exchange.run());
  const ConstBytes own = options.input.subspan(communicator.rank() * bytes, bytes);
  std::copy(own.begin(), own.end(), all.begin() + communicator.rank() * bytes);
  reduce_parts(options.type, options.op, all, options.block);
  return {};
}

}  // namespace

Result<void> reduce_scatter(Communicator& communicator, const ReduceScatterOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  DL_CHECK(check_reduction("reduce-scatter", bytes, options.type, options.op));
  if (options.input.size() != world * bytes) {
    return invalid_argument("reduce-scatter of " + std::to_string(options.input.size()) +
                            " bytes to " + std::to_string(world) + " ranks in blocks of " +
                            std::to_string(bytes));
  }
  const bool small = bytes <= communicator.options().direct_bytes_max;
  const Call call = {.kind = small ? CallKind::kDirectReduceScatter : CallKind::kRingReduceScatter,
                     .type = static_cast<std::uint8_t>(options.type),
                     .op = static_cast<std::uint8_t>(options.op),
                     .sequence = communicator.next_sequence(),
                     .bytes = bytes,
                     .label = options.label};
  if (bytes == 0) return {};
  if (world == 1) {
    std::copy(options.input.begin(), options.input.end(), options.block.begin());
    return {};
  }
  if (small) return communicator.settle(call, directly(communicator, call, options));
  const RingCut cut({.bytes = options.input.size(),
                     .element_bytes = size_of(options.type),
                     .world_size = world,
                     .chunk_bytes = communicator.options().chunk_bytes,
                     .by_rank = true});
  ReduceScatterPlan plan(communicator, options, cut);
  Relay relay(communicator, call, {communicator.next(), communicator.previous()}, plan);
  return communicator.settle(call, relay.run());
}

}  // namespace dl::worker::collective
