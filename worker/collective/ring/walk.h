// The order in which a ring collective visits its data.
//
// The data is cut into blocks, and each block into one chunk a rank. Block after block goes round
// the ring: in step k of a block a rank sends chunk (first − k) and receives chunk (first − k − 1),
// both mod P, where `first` is the one it starts with. What is received in step k is what is sent
// in step k + 1. A block is small enough to stay in the cache from one step to the next, whatever
// the size of the whole; and while its last chunks come in, the next one is already on its way out.

#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/transport/mesh.h"

namespace dl::worker::collective {

// Bytes [offset, offset + size) of the data.
struct Extent {
  std::size_t offset = 0;
  std::size_t size = 0;
};

// How data is cut into blocks and chunks, at whole elements. Blocks differ by at most P elements,
// the chunks of a block by one.
class RingCut {
 public:
  struct Options {
    std::size_t bytes = 0;  // Of all the data, on each rank.
    std::size_t element_bytes = 1;
    std::uint32_t world_size = 1;
    std::size_t chunk_bytes = 0;  // About so many are in a chunk, or less.
    // The data consists of one part a rank, of equal sizes, and chunk i of a block is from part i;
    // else a block is contiguous.
    bool by_rank = false;
  };
  explicit RingCut(const Options& options);

  std::uint32_t world_size() const { return options_.world_size; }
  std::size_t blocks() const { return blocks_; }
  Extent chunk(std::size_t block, std::uint32_t index) const;
  std::size_t chunk_bytes_max() const;

 private:
  Options options_;
  std::size_t blocks_ = 1;
};

// Where the outgoing and the incoming stream of one rank stand.
class RingWalk {
 public:
  // `first`: the chunk of each block that this rank sends first. `steps` ≥ 1.
  RingWalk(const RingCut& cut, std::uint32_t first, std::uint32_t steps);

  std::size_t out_bytes() const { return out_bytes_; }
  std::size_t in_bytes() const { return in_bytes_; }
  // How much of the outgoing stream may have been sent: what was there at first, and what came in.
  std::size_t sendable() const { return sendable_; }

  // What is left of the chunks being sent and received.
  Extent out() const { return rest_of(out_, 0); }
  Extent in() const { return rest_of(in_, 1); }
  std::uint32_t out_step() const { return out_.step; }
  std::uint32_t in_step() const { return in_.step; }

  void sent(std::size_t n);
  // `n` bytes of the incoming stream have come and may be passed on. Within one chunk.
  void processed(std::size_t n);

 private:
  struct Cursor {
    std::size_t block = 0;
    std::uint32_t step = 0;
    std::size_t offset = 0;  // Within the step's chunk.
  };

  // `lag` is 0 for what goes out and 1 for what comes in.
  Extent chunk(const Cursor& cursor, std::uint32_t lag) const;
  Extent rest_of(const Cursor& cursor, std::uint32_t lag) const;
  std::size_t stream_bytes(std::uint32_t lag) const;
  void next_step(Cursor& cursor) const;
  void finish_chunks();

  RingCut cut_;
  std::uint32_t first_;
  std::uint32_t steps_;
  std::size_t out_bytes_;
  std::size_t in_bytes_;
  std::size_t sendable_;
  Cursor out_;
  Cursor in_;
};

// Chunks that go round as they are, to their places in `data`: a relay plan (see relay.h).
class RingCopyPlan {
 public:
  RingCopyPlan(RingWalk walk, transport::Bytes data) : walk_(walk), data_(data) {}

  std::size_t out_bytes() const { return walk_.out_bytes(); }
  std::size_t in_bytes() const { return walk_.in_bytes(); }
  std::size_t sendable() const { return walk_.sendable(); }
  transport::ConstBytes out() const { return at(walk_.out()); }
  transport::Bytes in() const { return at(walk_.in()); }
  void sent(std::size_t n) { walk_.sent(n); }
  void received(std::size_t n) { walk_.processed(n); }

 private:
  transport::Bytes at(Extent extent) const { return data_.subspan(extent.offset, extent.size); }

  RingWalk walk_;
  transport::Bytes data_;
};

}  // namespace dl::worker::collective
