// A vector that the ranks of one host reduce together on their board, piece by piece.
//
// The vector is cut into slices, and each slice has an owner. In a round every rank brings its
// values of one piece of each slice to its own block; every owner adds up the values of its piece,
// its own first and then those of the ranks after it, and puts the sum on its block; every rank
// takes the sums from there. A piece is small enough that all this happens in the caches: main
// memory sees a vector read once and written once.
//
// Rounds overlap. In its turn t a rank brings round t, reduces round t − 1 and takes round t − 2,
// so that it has given the others all they need before it waits for them. What makes it safe to use
// a place again after kPiecesDeep rounds:
//   in(t)     all have reduced round t − 3, which is awaited;
//   out(t)    all have taken round t − 3 before they brought round t, which is awaited.

#pragma once

#include <cstdint>
#include <span>

#include "worker/collective/allreduce.h"
#include "worker/collective/ring/walk.h"
#include "worker/collective/shared/board_call.h"
#include "worker/collective/shared/board_layout.h"

namespace dl::worker::collective {

struct StagedOptions {
  transport::Bytes data;
  DataType type = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;              // kAverage sums.
  std::uint32_t divisor = 1;                 // Of the sums.
  std::span<const transport::Rank> members;  // Who takes part, ascending: all on this host.
  // The first cut.world_size() members own the slices: that of member i is chunk i of each block.
  RingCut cut;
  bool reduce = true;  // Slices are reduced, not only handed out.
  bool gather = true;  // All ranks take them; else they stay with their owners.
};

class Staged {
 public:
  Staged(Communicator& communicator, BoardCall& board, const StagedOptions& options);

  // Errors as for allreduce.
  Result<void> run();

 private:
  Result<void> bring(std::uint64_t round);
  Result<void> reduce(std::uint64_t round);
  Result<void> take(std::uint64_t round);

  // The piece of an owner's slice in a round; empty where the slice has no more.
  Extent piece(std::uint64_t round, std::uint32_t owner) const;
  void reduce_strip(Extent strip, std::size_t offset, std::uint64_t round);
  bool owner() const { return self_ < owners_; }
  transport::Bytes room(std::uint32_t member) const {
    return board_.room(options_.members[member]);
  }

  BoardCall& board_;
  const StagedOptions& options_;
  const std::uint32_t owners_;
  const std::uint32_t self_;  // This rank's place among the members.
  const BoardLayout layout_;
  const std::size_t piece_bytes_;
  const std::uint64_t rounds_of_block_;
  const std::uint64_t rounds_;
};

}  // namespace dl::worker::collective
