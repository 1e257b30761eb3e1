// One collective on the board of a host.
//
// It numbers the steps of the call on from those of earlier ones, and puts the call itself at the
// front of each block, so that ranks that are not in the same one find out as soon as they meet.
//
// Two such cells are used in turn. No rank is more than one call ahead of another, for in each call
// it waits for all others; so what a rank reads of call n is not overwritten before call n + 2,
// which begins only after that rank has come to call n + 1.

#pragma once

#include <cstdint>

#include "worker/collective/call.h"
#include "worker/collective/communicator.h"
#include "worker/transport/board.h"

namespace dl::worker::collective {

class BoardCall {
 public:
  BoardCall(Communicator& communicator, const Call& call);

  // Of each block, what is left for a collective.
  static std::size_t room_bytes(transport::Board& board);

  // Which of two places in turn belongs to this call.
  std::uint32_t turn() const { return static_cast<std::uint32_t>(state_.calls % 2); }

  // The block of `rank` without what this class keeps there; aligned alike.
  transport::Bytes room(transport::Rank rank) const;

  // This rank has come to `step` of the call, counted from 1, and has written `bytes` for others.
  void post(std::uint64_t step, std::size_t bytes);

  // Returns once `rank` has come to `step`. Errors as for allreduce.
  Result<void> await(transport::Rank rank, std::uint64_t step);

  // The last step that any rank posts; later calls go on from there.
  void finish(std::uint64_t steps) { state_.progress += steps; }

 private:
  transport::Bytes cell(transport::Rank rank) const;

  Communicator& communicator_;
  transport::Board& board_;
  BoardState& state_;
  const Call& call_;
  bool announced_ = false;
};

}  // namespace dl::worker::collective
