// A byte ring in shared memory between one writing and one reading rank, without locks.
//
// `written` and `read` count bytes since the beginning, so their difference is what the ring holds,
// and neither is ever reset. The writer publishes bytes by storing `written` after it has copied
// them; the reader who sees that value sees the bytes (release, acquire). The reader gives room
// back by storing `read` after it has copied them out, which orders its reads before the writer's
// next writes to that place.
//
// These stores are sequentially consistent, not only releases, for what follows them: the other
// side is looked up in RankState::asleep. It sets that first and looks at the ring then; of two
// such stores each followed by a load of the other's, at least one load sees the other's store.

#pragma once

#include <algorithm>
#include <cstring>
#include <span>

#include "worker/transport/mesh.h"
#include "worker/transport/shm/segment.h"

namespace dl::worker::transport::shm {

// So much is copied before the other side is told: it then works on one piece, still in a shared
// cache, while the next is copied.
inline constexpr std::size_t kPieceBytes = 32 << 10;

class RingWriter {
 public:
  RingWriter(RingEnds& ends, Bytes ring) : ends_(&ends), ring_(ring) {}

  bool has_room() const {
    return written_ - ends_->read.load(std::memory_order_seq_cst) < ring_.size();
  }

  // Copies as much as there is room for, and returns how much that was.
  std::size_t write(std::span<const ConstBytes> parts) {
    std::size_t moved = 0;
    for (ConstBytes part : parts) {
      while (!part.empty()) {
        const std::size_t n = std::min(part.size(), contiguous_room());
        if (n == 0) return moved;
        std::memcpy(ring_.data() + at(), part.data(), n);
        written_ += n;
        ends_->written.store(written_, std::memory_order_seq_cst);
        part = part.subspan(n);
        moved += n;
      }
    }
    return moved;
  }

 private:
  std::size_t at() const { return written_ & (ring_.size() - 1); }

  std::size_t contiguous_room() {
    // The reader's end is looked at only when what is known of it does not suffice: each look takes
    // the cache line from the reader.
    if (written_ - read_seen_ == ring_.size()) {
      read_seen_ = ends_->read.load(std::memory_order_acquire);
    }
    return std::min({ring_.size() - (written_ - read_seen_), ring_.size() - at(), kPieceBytes});
  }

  RingEnds* ends_;
  Bytes ring_;
  std::uint64_t written_ = 0;
  std::uint64_t read_seen_ = 0;
};

class RingReader {
 public:
  RingReader(RingEnds& ends, Bytes ring) : ends_(&ends), ring_(ring) {}

  bool has_bytes() const { return ends_->written.load(std::memory_order_seq_cst) != read_; }

  // Copies what is there into `parts`, as far as it fills them, and returns how much that was.
  std::size_t read(std::span<const Bytes> parts) {
    std::size_t moved = 0;
    for (Bytes part : parts) {
      while (!part.empty()) {
        const std::size_t n = std::min(part.size(), contiguous_bytes());
        if (n == 0) return moved;
        std::memcpy(part.data(), ring_.data() + at(), n);
        read_ += n;
        ends_->read.store(read_, std::memory_order_seq_cst);
        part = part.subspan(n);
        moved += n;
      }
    }
    return moved;
  }

 private:
  std::size_t at() const { return read_ & (ring_.size() - 1); }

  std::size_t contiguous_bytes() {
    if (read_ == written_seen_) written_seen_ = ends_->written.load(std::memory_order_acquire);
    return std::min(
        {static_cast<std::size_t>(written_seen_ - read_), ring_.size() - at(), kPieceBytes});
  }

  RingEnds* ends_;
  Bytes ring_;
  std::uint64_t read_ = 0;
  std::uint64_t written_seen_ = 0;
};

}  // namespace dl::worker::transport::shm
