// In the first P − 1 steps of a block what comes is reduced into the chunk here, so that rank r
// ends up with chunk r + 1 complete; in the other P − 1 complete chunks go round and replace what
// is here.

#include <algorithm>

#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/relay.h"
#include "worker/collective/ring/walk.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;

class RingPlan {
 public:
  // For the rank at `place` of a ring of `size`.
  RingPlan(Communicator& communicator, const AllreduceOptions& options, std::uint32_t place,
           std::uint32_t size)
      : options_(options),
        world_(size),
        walk_(RingCut({.bytes = options.data.size(),
                       .element_bytes = size_of(options.type),
                       .world_size = world_,
                       .chunk_bytes = communicator.options().chunk_bytes}),
              place, 2 * (world_ - 1)),
        segment_(communicator.scratch(communicator.options().segment_bytes)) {}

  std::size_t out_bytes() const { return walk_.out_bytes(); }
  std::size_t in_bytes() const { return walk_.in_bytes(); }
  std::size_t sendable() const { return walk_.sendable(); }
  ConstBytes out() const { return at(walk_.out()); }
  void sent(std::size_t n) { walk_.sent(n); }

  Bytes in() const {
    const Bytes rest = at(walk_.in());
    if (!reducing()) return rest;
    return segment_.first(std::min(reduced_ + rest.size(), segment_.size())).subspan(filled_);
  }

  // Whole elements are reduced as soon as they are there, while they are in the cache, and may be
  // passed on at once.
  void received(std::size_t n) {
    if (!reducing()) return walk_.processed(n);
    filled_ += n;
    const std::size_t element = size_of(options_.type);
    const std::size_t ready = (filled_ - reduced_) / element * element;
    reduce(at(walk_.in()).first(ready), segment_.subspan(reduced_, ready));
    reduced_ += ready;
    if (reduced_ == filled_) reduced_ = filled_ = 0;
    walk_.processed(ready);
  }

 private:
  bool reducing() const { return walk_.in_step() < world_ - 1; }

  Bytes at(Extent extent) const { return options_.data.subspan(extent.offset, extent.size); }

  void reduce(Bytes into, ConstBytes from) const {
    reduce_into(options_.type, options_.op, into, from);
    const bool complete = walk_.in_step() == world_ - 2;
    if (complete && options_.op == ReduceOp::kAverage) finish_average(options_.type, into, world_);
  }

  const AllreduceOptions& options_;
  const std::uint32_t world_;
  RingWalk walk_;
  const Bytes segment_;
  std::size_t filled_ = 0;   // Of the segment …
  std::size_t reduced_ = 0;  // … and of that.
};

}  // namespace

Result<void> ring_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const Call call = allreduce_call(communicator, CallKind::kRingAllreduce, options);
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  RingPlan plan(communicator, options, communicator.rank(), communicator.world_size());
  Relay relay(communicator, call, {communicator.next(), communicator.previous()}, plan);
  return communicator.settle(call, relay.run());
}

Result<void> reduce_around(Communicator& communicator, const Call& call, const Ring& ring,
                           const AllreduceOptions& options) {
  RingPlan plan(communicator, options, ring.place, ring.size);
  return Relay(communicator, call, {ring.next, ring.previous}, plan).run();
}

}  // namespace dl::worker::collective
