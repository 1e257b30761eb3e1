// How the all-reduces divide a block of the board: two places for whole vectors, used in turn, then
// places for pieces, three deep.
//
//   flat 0 │ flat 1 │ in 0: a piece for each owner │ in 1 │ in 2 │ out 0: a piece │ out 1 │ out 2

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "worker/transport/mesh.h"

namespace dl::worker::collective {

inline constexpr std::uint64_t kPiecesDeep = 3;

class BoardLayout {
 public:
  // `room_bytes`: BoardCall::room. Pieces are no longer than `piece_bytes_max`.
  BoardLayout(std::size_t room_bytes, std::uint32_t owners, std::size_t piece_bytes_max)
      : owners_(owners),
        flat_bytes_(align(room_bytes / 16)),
        piece_bytes_(std::min(align(piece_bytes_max), align((room_bytes - 2 * flat_bytes_) /
                                                            (kPiecesDeep * (owners + 1))))) {}

  std::size_t flat_bytes() const { return flat_bytes_; }
  std::size_t piece_bytes() const { return piece_bytes_; }

  transport::Bytes flat(transport::Bytes room, std::uint32_t turn) const {
    return room.subspan(turn * flat_bytes_, flat_bytes_);
  }
  transport::Bytes in(transport::Bytes room, std::uint64_t round, std::uint32_t owner) const {
    return piece(room, round % kPiecesDeep * owners_ + owner);
  }
  transport::Bytes out(transport::Bytes room, std::uint64_t round) const {
    return piece(room, kPiecesDeep * owners_ + round % kPiecesDeep);
  }

 private:
  // Down to a cache line.
  static constexpr std::size_t align(std::size_t bytes) { return bytes / 64 * 64; }

  transport::Bytes piece(transport::Bytes room, std::size_t number) const {
    return room.subspan(2 * flat_bytes_ + number * piece_bytes_, piece_bytes_);
  }

  std::uint32_t owners_;
  std::size_t flat_bytes_;
  std::size_t piece_bytes_;
};

// So much of a piece is worked on at a time that it stays in the first-level cache while several
// ranks' values are added to it.
inline constexpr std::size_t kStripBytes = 8 << 10;

}  // namespace dl::worker::collective
