// Memory that the ranks of one host share, for collectives that work in it directly.
//
// Every rank has a block, which it alone writes and all of them read, and a progress, a number
// that only grows and says how much of the block is ready. What a rank wrote to its block before it
// posted a progress is there for whoever has awaited that progress. When a block may be written
// again is the collective's to know.
//
// A board is its mesh's: used by the same thread, and its failures are the mesh's.

#pragma once

#include <cstdint>
#include <span>

#include "worker/transport/mesh.h"

namespace dl::worker::transport {

class Board {
 public:
  virtual ~Board() = default;

  // Who shares it, in ascending order; this rank is among them.
  virtual std::span<const Rank> ranks() const = 0;

  // As large for every rank, and aligned for any type.
  virtual Bytes block(Rank rank) = 0;

  // This rank has come to `progress`, and has written `bytes` since it posted the last.
  virtual void post(std::uint64_t progress, std::size_t bytes) = 0;

  // Returns once `rank` has come to `progress`. Errors as Mesh::wait.
  virtual Result<void> await(Rank rank, std::uint64_t progress, Deadline deadline) = 0;
};

}  // namespace dl::worker::transport
