// A communicator is a mesh made ready for collectives: it numbers them, keeps the memory they
// work in, and fails for good with the first that fails.
//
// Every rank must call the same collectives in the same order, one at a time. A rank that does not
// is found out by its first message (kFailedPrecondition names both calls); nothing is mixed up.

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::collective {

struct CommunicatorOptions {
  // A collective in which nothing moves for this long has failed.
  std::chrono::milliseconds stall_timeout{60000};

  // Performance only: results do not depend on the segment.
  std::size_t segment_bytes = 256 << 10;  // Received, then reduced, at a time.
  // An all-reduce whose messages to one peer are no larger goes to all peers at once, in one step.
  // All ranks need the same value, as it decides the order of the sum.
  std::size_t direct_bytes_max = 4 << 10;
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

  // At least `bytes` long, aligned for SIMD; the same memory each time, so only a call that is
  // larger than all before it allocates.
  transport::Bytes scratch(std::size_t bytes);

  // The error of an earlier collective, which this communicator did not survive.
  const std::optional<Error>& failure() const { return failure_; }

  // Records `error`, tells the peers, and hands it back with "<what> on rank R: " before it.
  Error fail(std::string_view what, Error error);

  // Thread-safe: the collective under way fails with kCancelled, and so do the peers'.
  void abort() { mesh_->abort(); }

 private:
  std::unique_ptr<transport::Mesh> mesh_;
  const CommunicatorOptions options_;
  std::uint64_t sequence_ = 0;
  std::vector<std::byte> scratch_;
  std::optional<Error> failure_;
};

}  // namespace dl::worker::collective
