// The memory that the ranks of one host share: what lies where.
//
//   header │ a state a rank │ the ends of each ring │ the rings' bytes │ a block a rank
//
// Ranks are counted by their position among the host's. A rank alone writes its state, its block,
// the front of its outgoing rings and the back of its incoming ones; only RankState::asleep is
// written by others too.
//
// The memory has no name in any file system: it is a memfd, which the kernel frees with the last
// process that maps it, however that process ends. Its size is sealed, so that no rank can cut it
// short under the others.

#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "worker/transport/handshake.h"
#include "worker/transport/mesh.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::shm {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free &&
                  std::atomic<std::uint32_t>::is_always_lock_free,
              "atomics without locks work between processes");

// What two ranks write never shares a cache line.
inline constexpr std::size_t kCacheLine = 64;

struct RankState {
  alignas(kCacheLine) std::atomic<std::uint64_t> progress{0};  // On the board.
  // kAwake, kAsleep, or kRungBy plus the position of the rank that rang its bell.
  alignas(kCacheLine) std::atomic<std::uint32_t> asleep{0};
};
inline constexpr std::uint32_t kAwake = 0;
inline constexpr std::uint32_t kAsleep = 1;
inline constexpr std::uint32_t kRungBy = 2;

// Bytes ever written to a ring, and ever read from it.
struct RingEnds {
  alignas(kCacheLine) std::atomic<std::uint64_t> written{0};
  alignas(kCacheLine) std::atomic<std::uint64_t> read{0};
};

struct Layout {
  std::uint32_t ranks = 0;
  std::size_t ring_bytes = 0;   // A power of two.
  std::size_t block_bytes = 0;  // A multiple of kCacheLine.

  std::size_t segment_bytes() const;
  friend bool operator==(const Layout&, const Layout&) = default;
};

class Segment {
 public:
  // New memory, with `token` in it.
  //   kFailedPrecondition  the system gives none; says why.
  static Result<std::shared_ptr<Segment>> create(const Layout& layout, const Nonce& token);

  // Memory that another process made.
  //   kPermissionDenied  it is not what `layout` and `token` say.
  static Result<std::shared_ptr<Segment>> open(tcp::Socket memory, const Layout& layout,
                                               const Nonce& token);

  ~Segment();
  Segment(const Segment&) = delete;
  Segment& operator=(const Segment&) = delete;

  // For open() elsewhere.
  int fd() const { return memory_.fd(); }
  const Layout& layout() const { return layout_; }

  RankState& state(std::uint32_t position) const;
  RingEnds& ring_ends(std::uint32_t from, std::uint32_t to) const;
  Bytes ring(std::uint32_t from, std::uint32_t to) const;
  Bytes block(std::uint32_t position) const;

 private:
  Segment(tcp::Socket memory, const Layout& layout, std::byte* base);
  static Result<std::shared_ptr<Segment>> map(tcp::Socket memory, const Layout& layout);

  const tcp::Socket memory_;
  const Layout layout_;
  std::byte* const base_;
};

}  // namespace dl::worker::transport::shm
