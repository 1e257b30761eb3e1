// Every rank puts its vector on the board, then sums all that are there. One step; each rank reads
// P − 1 vectors, so it is for small ones.

#include <algorithm>
#include <cstring>
#include <string>

#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/ring/walk.h"
#include "worker/collective/shared/board_call.h"
#include "worker/collective/shared/board_layout.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::Rank;

class Flat {
 public:
  Flat(Communicator& communicator, const Call& call, const AllreduceOptions& options)
      : board_(communicator, call),
        options_(options),
        rank_(communicator.rank()),
        world_(communicator.world_size()),
        layout_(board_.room(rank_).size(), world_, 0) {}

  Result<void> run(const CommunicatorOptions& limits) {
    const Bytes data = options_.data;
    std::memcpy(vector_of(rank_).data(), data.data(), data.size());
    board_.post(1, data.size());
    for (Rank i = 1; i < world_; ++i) DL_CHECK(board_.await((rank_ + i) % world_, 1));
    board_.finish(1);

    // In the order in which the direct or the ring algorithm would sum this size.
    if (data.size() <= limits.direct_bytes_max) {
      sum({0, data.size()}, 0);
      return {};
    }
    const RingCut cut({.bytes = data.size(),
                       .element_bytes = size_of(options_.type),
                       .world_size = world_,
                       .chunk_bytes = limits.chunk_bytes});
    for (std::size_t block = 0; block < cut.blocks(); ++block) {
      for (Rank chunk = 0; chunk < world_; ++chunk) sum(cut.chunk(block, chunk), chunk);
    }
    return {};
  }

 private:
  // Used in turn with the vector of the call before, which others may still read.
  Bytes vector_of(Rank rank) const {
    return layout_.flat(board_.room(rank), board_.turn()).first(options_.data.size());
  }

  // The vectors of rank `first` and of those after it, around.
  void sum(Extent extent, Rank first) const {
    while (extent.size > 0) {
      const std::size_t n = std::min(extent.size, kStripBytes);
      const Bytes into = options_.data.subspan(extent.offset, n);
      std::memcpy(into.data(), vector_of(first).data() + extent.offset, n);
      for (Rank i = 1; i < world_; ++i) {
        const Bytes theirs = vector_of((first + i) % world_);
        reduce_into(options_.type, options_.op, into, theirs.subspan(extent.offset, n));
      }
      if (options_.op == ReduceOp::kAverage) finish_average(options_.type, into, world_);
      extent = {extent.offset + n, extent.size - n};
    }
  }

  BoardCall board_;
  const AllreduceOptions& options_;
  const Rank rank_;
  const std::uint32_t world_;
  const BoardLayout layout_;
};

}  // namespace

std::size_t flat_bytes_max(Communicator& communicator) {
  transport::Board* board = communicator.mesh().board();
  if (board == nullptr) return 0;
  return BoardLayout(BoardCall::room_bytes(*board), 1, 0).flat_bytes();
}

Result<void> flat_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const std::size_t most = flat_bytes_max(communicator);
  if (communicator.world_size() > 1 && options.data.size() > most) {
    return invalid_argument("a flat all-reduce of " + std::to_string(options.data.size()) +
                            " bytes, of which the board has room for " + std::to_string(most));
  }
  const Call call = allreduce_call(communicator, CallKind::kFlatAllreduce, options);
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  return communicator.settle(call, Flat(communicator, call, options).run(communicator.options()));
}

}  // namespace dl::worker::collective
