// The vector is cut into one chunk a rank. In step k of 2(P − 1) a rank sends chunk (rank − k) and
// receives chunk (rank − k − 1), both mod P. In the first P − 1 steps what comes is reduced into
// the chunk here, so that rank r ends up with chunk r + 1 complete; in the others complete chunks
// go round and replace what is here. What is received in step k is what is sent in step k + 1:
// the outgoing stream is the rank's own chunk, then the incoming stream as far as it is reduced.

#include <algorithm>

#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/relay.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;

class RingPlan {
 public:
  RingPlan(Communicator& communicator, const AllreduceOptions& options)
      : options_(options),
        rank_(communicator.rank()),
        world_(communicator.world_size()),
        steps_(2 * (world_ - 1)),
        out_bytes_(stream_bytes(0)),
        segment_(communicator.scratch(communicator.options().segment_bytes)) {
    skip_empty(out_, 0);
    skip_empty(in_, 1);
  }

  std::size_t out_bytes() const { return out_bytes_; }
  std::size_t in_bytes() const { return stream_bytes(1); }
  std::size_t sendable() const { return std::min(out_bytes_, chunk(rank_).size() + processed_); }

  ConstBytes out() const { return chunk_of(out_.step, 0).subspan(out_.offset); }

  void sent(std::size_t n) {
    out_.offset += n;
    skip_empty(out_, 0);
  }

  // A segment of the chunk at most: reduced as soon as it is there, while it is in the cache.
  Bytes in() const {
    const Bytes rest = chunk_of(in_.step, 1).subspan(in_.offset);
    if (!reducing()) return rest;
    return segment_.first(std::min(rest.size(), segment_.size())).subspan(filled_);
  }

  void received(std::size_t n) {
    if (reducing()) {
      filled_ += n;
      const Bytes rest = chunk_of(in_.step, 1).subspan(in_.offset);
      n = std::min(rest.size(), segment_.size());
      if (filled_ < n) return;
      reduce(rest.first(n));
      filled_ = 0;
    }
    processed_ += n;
    in_.offset += n;
    skip_empty(in_, 1);
  }

 private:
  struct Cursor {
    std::uint32_t step = 0;
    std::size_t offset = 0;  // Within the step's chunk.
  };

  bool reducing() const { return in_.step < world_ - 1; }

  void reduce(Bytes into) const {
    reduce_into(options_.type, options_.op, into, segment_.first(into.size()));
    const bool complete = in_.step == world_ - 2;
    if (complete && options_.op == ReduceOp::kAverage) finish_average(options_.type, into, world_);
  }

  // Chunks differ by at most one element.
  Bytes chunk(std::uint32_t index) const {
    const std::size_t element = size_of(options_.type);
    const std::size_t count = options_.data.size() / element;
    const std::size_t begin = count / world_ * index + std::min<std::size_t>(index, count % world_);
    const std::size_t size = count / world_ + (index < count % world_ ? 1 : 0);
    return options_.data.subspan(begin * element, size * element);
  }

  // `lag` is 0 for what goes out and 1 for what comes in.
  Bytes chunk_of(std::uint32_t step, std::uint32_t lag) const {
    return chunk((rank_ + 2 * world_ - step - lag) % world_);
  }

  std::size_t stream_bytes(std::uint32_t lag) const {
    std::size_t bytes = 0;
    for (std::uint32_t step = 0; step < steps_; ++step) bytes += chunk_of(step, lag).size();
    return bytes;
  }

  void skip_empty(Cursor& cursor, std::uint32_t lag) const {
    while (cursor.step < steps_ && cursor.offset == chunk_of(cursor.step, lag).size()) {
      cursor = {cursor.step + 1, 0};
    }
  }

  const AllreduceOptions& options_;
  const std::uint32_t rank_;
  const std::uint32_t world_;
  const std::uint32_t steps_;
  const std::size_t out_bytes_;
  const Bytes segment_;
  std::size_t filled_ = 0;     // Of the segment being received.
  std::size_t processed_ = 0;  // Of the incoming stream.
  Cursor out_;
  Cursor in_;
};

}  // namespace

Result<void> ring_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const Call call = allreduce_call(communicator, CallKind::kRingAllreduce, options);
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  RingPlan plan(communicator, options);
  Relay relay(communicator, call, {communicator.next(), communicator.previous()}, plan);
  return communicator.settle(call, relay.run());
}

}  // namespace dl::worker::collective
