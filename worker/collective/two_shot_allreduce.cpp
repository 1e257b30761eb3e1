// Chunk c of each block is rank c's to sum: the others send it theirs, and it sends all of them the
// sum. Cut and summed as the ring has it, so that the bits are the ring's.

#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/exchange.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/ring/walk.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::Rank;

class TwoShot {
 public:
  TwoShot(Communicator& communicator, const Call& call, const AllreduceOptions& options)
      : communicator_(communicator),
        call_(call),
        options_(options),
        rank_(communicator.rank()),
        world_(communicator.world_size()),
        cut_({.bytes = options.data.size(),
              .element_bytes = size_of(options.type),
              .world_size = world_,
              .chunk_bytes = communicator.options().chunk_bytes}),
        theirs_(communicator.scratch((world_ - 1) * cut_.chunk_bytes_max())) {}

  Result<void> run() {
    for (std::size_t block = 0; block < cut_.blocks(); ++block) {
      DL_CHECK(gather(block));
      sum(block);
      DL_CHECK(hand_out(block));
    }
    return {};
  }

 private:
  Bytes chunk(std::size_t block, Rank rank) const {
    const Extent extent = cut_.chunk(block, rank);
    return options_.data.subspan(extent.offset, extent.size);
  }

  // The `i`th rank after this one.
  Rank after(Rank i) const { return (rank_ + i) % world_; }

  // What the `i`th rank after this one has of this rank's chunk.
  Bytes theirs(std::size_t block, Rank i) const {
    const std::size_t bytes = chunk(block, rank_).size();
    return theirs_.subspan((i - 1) * bytes, bytes);
  }

  Result<void> gather(std::size_t block) {
    Exchange exchange(communicator_, call_);
    for (Rank i = 1; i < world_; ++i) {
      exchange.send(after(i), chunk(block, after(i)));
      exchange.receive(after(i), theirs(block, i));
    }
    return exchange.run();
  }

  void sum(std::size_t block) const {
    const Bytes into = chunk(block, rank_);
    for (Rank i = 1; i < world_; ++i) {
      reduce_into(options_.type, options_.op, into, theirs(block, i));
    }
    if (options_.op == ReduceOp::kAverage) finish_average(options_.type, into, world_);
  }

  Result<void> hand_out(std::size_t block) {
    Exchange exchange(communicator_, call_);
    for (Rank i = 1; i < world_; ++i) {
      exchange.send(after(i), chunk(block, rank_));
      exchange.receive(after(i), chunk(block, after(i)));
    }
    return exchange.run();
  }

  Communicator& communicator_;
  const Call call_;
  const AllreduceOptions& options_;
  const Rank rank_;
  const std::uint32_t world_;
  const RingCut cut_;
  const Bytes theirs_;
};

}  // namespace

Result<void> two_shot_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const Call call = allreduce_call(communicator, CallKind::kTwoShotAllreduce, options);
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  return communicator.settle(call, TwoShot(communicator, call, options).run());
}

}  // namespace dl::worker::collective
