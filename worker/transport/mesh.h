// A mesh is what one rank holds of its gang: one full-duplex byte link to every peer.
//
// The collectives are written against this interface alone. Each folder below is one way to make
// the links and has the same files: connect.h (how a rank gets its mesh) and mesh.h.
//
// Data moves by the two `_some` calls, which never wait, and by wait(), which always has a
// deadline; so one thread drives all links, sends and receives at once, and nothing hangs. Ranks,
// addresses and the cause are in every error.
//
// Whoever is dead is named: a peer that vanishes without a farewell fails every rank that waits,
// whomever it waits for, with kUnavailable. A mesh is used by one thread; abort() may come from
// another.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace dl::worker::transport {

using Rank = std::uint32_t;
using Deadline = std::chrono::steady_clock::time_point;
using Bytes = std::span<std::byte>;
using ConstBytes = std::span<const std::byte>;

// Mesh::window_bytes times the ranks, where they are near: what is on its way stays in the caches.
inline constexpr std::size_t kNearBlockBytes = 1 << 20;
// And between hosts: a millisecond of 10 Gb/s, so that a rank that is late for that long, by the
// network or by its scheduler, costs nothing.
inline constexpr std::size_t kFarWindowBytes = 1 << 20;

// At most this many spans go into one send_some or receive_some.
inline constexpr std::size_t kPartsMax = 8;

enum class Direction : std::uint8_t { kSend, kReceive };

// What a rank waits for: that something can move to or from a peer.
struct Interest {
  Rank peer;
  Direction direction;
};

// What went over the links so far, headers included; what was posted on a board counts as sent.
// `steps` is the longest chain of messages of which each could be sent only after the one before
// had been received.
struct Counters {
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
  std::uint64_t steps = 0;  // Counted by inproc alone.
};

class Board;  // board.h

class Mesh {
 public:
  // Says farewell to the peers, then closes: they may go on among themselves.
  virtual ~Mesh() = default;

  virtual Rank rank() const = 0;
  virtual std::uint32_t world_size() const = 0;

  // "rank 3 (10.0.0.7:20001)", for messages.
  virtual std::string describe(Rank peer) const = 0;

  // Moves as many bytes of `parts`, in order, as the link takes now; 0 when it takes none.
  //   kUnavailable  the peer is gone, or gave up; the message names who caused it.
  //   kCancelled    abort() was called here.
  virtual Result<std::size_t> send_some(Rank peer, std::span<const ConstBytes> parts) = 0;
  virtual Result<std::size_t> receive_some(Rank peer, std::span<const Bytes> parts) = 0;

  // Returns when one of `interests` may move, or spuriously. Besides the errors above:
  //   kDeadlineExceeded  nothing moved; the message names the peers of `interests`.
  virtual Result<void> wait(std::span<const Interest> interests, Deadline deadline) = 0;

  // Gives up: every call here fails from now on, and the peers are told who caused it (the peer
  // that failed this rank, or else this rank itself), so that all name the same one.
  virtual void abort() = 0;

  virtual Counters counters() const = 0;

  // The same for two ranks exactly if they share a board: which ranks are on one host. All ranks
  // give the same answers.
  virtual Rank host_of(Rank rank) const { return rank; }

  // Whether all ranks are on one host, as far as addresses tell. All ranks give the same answer.
  virtual bool near() const { return true; }

  // How far a rank should get ahead of a neighbour to keep their link busy.
  std::size_t window_bytes() const {
    return near() ? kNearBlockBytes / world_size() : kFarWindowBytes;
  }

  // The board of this rank's host, or null when this rank shares none.
  virtual Board* board() { return nullptr; }

  // True once, if the hosts have boards. Who uses the board asks first, for progress is counted for
  // one user; on all ranks they ask in the same order. The others have the links.
  virtual bool claim_boards() { return false; }
};

// The same with waiting: all of `bytes`, or an error.
Result<void> send_all(Mesh& mesh, Rank peer, ConstBytes bytes, Deadline deadline);
Result<void> receive_all(Mesh& mesh, Rank peer, Bytes bytes, Deadline deadline);

}  // namespace dl::worker::transport
