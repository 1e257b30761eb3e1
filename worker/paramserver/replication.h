// Two servers side by side: each sends what it has applied to the next one, which keeps a replica
// of its part, and hears how much of it has arrived there.

#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "worker/paramserver/message.h"
#include "worker/paramserver/state/shard.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

class Replication {
 public:
  // `replica` is of the part of the server before, and as far as that one is.
  Replication(transport::Mesh& mesh, Rank next, Rank previous, Shard replica);

  Shard& replica() { return replica_; }

  // The payload of dense operations is their values; of rows, `rows` slots and then the values.
  void forward(const Operation& operation, std::uint64_t rows, transport::ConstBytes payload,
               std::shared_ptr<const void> owner);
  std::uint64_t forwarded() const { return forwarded_; }
  std::uint64_t replicated() const { return replicated_; }
  // So much is on its way that more had better wait.
  bool congested() const { return forwarded_ - replicated_ > 64; }

  // Moves what can move; true when that was anything.
  Result<bool> move();
  void add_interests(std::vector<transport::Interest>& interests) const;
  bool idle() const;

 private:
  struct Neighbour {
    Rank rank;
    Outbox outbox;
    Inbox inbox;
    std::vector<std::byte> body;
  };
  Neighbour& neighbour(Rank rank);
  Result<bool> receive(Neighbour& from);
  Result<transport::Bytes> open(Neighbour& from, const Head& head);
  Result<void> dispatch(Neighbour& from, const Head& head);
  Result<void> apply(const Head& head, std::vector<std::byte>& body);

  transport::Mesh& mesh_;
  const Rank next_;
  const Rank previous_;
  Shard replica_;
  std::vector<Neighbour> neighbours_;  // One, where next and previous are the same.
  std::uint64_t forwarded_ = 0;
  std::uint64_t replicated_ = 0;
  std::uint64_t applied_ = 0;
};

}  // namespace dl::worker::paramserver
