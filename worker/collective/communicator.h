// A communicator is a mesh made ready for collectives: it numbers them, keeps the memory they
// work in, and fails for good with the first that fails.
//
// Every rank must call the same collectives in the same order, one at a time. A rank that does not
// is found out by its first message (kFailedPrecondition names both calls); nothing is mixed up.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "worker/collective/call.h"
#include "worker/collective/shared/topology.h"
#include "worker/transport/mesh.h"

namespace dl::worker::collective {

struct CommunicatorOptions {
  // A collective in which nothing moves for this long has failed.
  std::chrono::milliseconds stall_timeout{60000};

  // Performance only: results do not depend on the segment.
  std::size_t segment_bytes = 512 << 10;  // Received, then reduced, at a time.
  // A ring takes large data in blocks of one chunk of about this size for each rank, so that each
  // is still in the cache when it comes round; a rank is at most so far ahead of its neighbour.
  // 0: the mesh's window. All ranks need the same value, as it decides the order of the sum.
  std::size_t chunk_bytes = 0;
  // What a rank brings at a time to an all-reduce on a board. All ranks need the same value.
  std::size_t round_bytes = 512 << 10;
  // An all-reduce whose messages to one peer are no larger goes to all peers at once, in one step.
  // All ranks need the same value, as it decides the order of the sum.
  std::size_t direct_bytes_max = 4 << 10;
};

// What an exchange with the peers has moved so far; kept here so that it allocates once.
struct ExchangeState {
  struct Peer {
    transport::ConstBytes out;
    transport::Bytes in;
    std::size_t out_left = 0;  // Of the call and the message after it; 0: none, or done.
    std::size_t in_left = 0;
    EncodedCall out_call{};
    EncodedCall in_call{};
  };
  std::vector<Peer> peers;
  std::vector<transport::Interest> interests;
};

// Where the collectives on a host's board stand (shared/board_call.h).
struct BoardState {
  std::uint64_t progress = 1;  // Posted when the communicator is made.
  std::uint64_t calls = 0;
  std::vector<std::uint64_t> met;  // By rank: the last call in which its own was looked at.
};

class Communicator {
 public:
  explicit Communicator(std::unique_ptr<transport::Mesh> mesh, CommunicatorOptions options = {});
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  transport::Rank rank() const { return mesh_->rank(); }
  std::uint32_t world_size() const { return mesh_->world_size(); }
  transport::Mesh& mesh() { return *mesh_; }
  const CommunicatorOptions& options() const { return options_; }

  // The rank to the right and the one to the left in the ring.
  transport::Rank next() const { return (rank() + 1) % world_size(); }
  transport::Rank previous() const { return (rank() + world_size() - 1) % world_size(); }

  std::uint64_t next_sequence() { return ++sequence_; }
  // Messages between two ranks are no business of the others, and counted by themselves.
  std::uint64_t next_message_to(transport::Rank peer) { return ++messages_[peer].sent; }
  std::uint64_t next_message_from(transport::Rank peer) { return ++messages_[peer].received; }

  // At least `bytes` long, aligned for SIMD; the same memory each time, so only a call that is
  // larger than all before it allocates.
  transport::Bytes scratch(std::size_t bytes);

  ExchangeState& exchange_state() { return exchange_state_; }

  const Topology& topology() const { return topology_; }
  BoardState& board_state() { return board_state_; }

  // The error of an earlier collective, which this communicator did not survive.
  const std::optional<Error>& failure() const { return failure_; }

  // The end of every collective. An error is recorded as failure(), with the call and the rank
  // before it, and the peers are told who caused it.
  Result<void> settle(const Call& call, Result<void> result);

  // Thread-safe: the collective under way fails with kCancelled, and so do the peers'.
  void abort() { mesh_->abort(); }

 private:
  std::unique_ptr<transport::Mesh> mesh_;
  const CommunicatorOptions options_;
  struct Messages {
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
  };

  std::uint64_t sequence_ = 0;
  std::vector<Messages> messages_;  // By peer.
  std::vector<std::byte> scratch_;
  ExchangeState exchange_state_;
  const Topology topology_;
  BoardState board_state_;
  std::optional<Error> failure_;
};

// kInvalidArgument when there is no rank `root`; the message begins with `what`: "reduce to".
Result<void> check_root(std::string_view what, const Communicator& communicator,
                        transport::Rank root);

}  // namespace dl::worker::collective
