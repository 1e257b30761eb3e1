// Some ranks of a mesh, numbered from 0 among themselves: so that the workers of a gang with
// parameter servers have their collectives.
//
// Moves bytes over the links of the whole mesh. Whoever uses a link through one view and through
// another takes turns: a link is one stream. Every rank of the whole mesh is still watched: a
// server's death fails the workers' wait too.

#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "worker/transport/board.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport {

class SubMesh final : public Mesh, private Board {
 public:
  // Rank i here is members[i] of `whole`. They differ, and this rank is one of them.
  SubMesh(std::shared_ptr<Mesh> whole, std::vector<Rank> members);

  Rank rank() const override { return rank_; }
  std::uint32_t world_size() const override { return static_cast<std::uint32_t>(members_.size()); }
  // By its rank in the whole mesh, as all messages name ranks.
  std::string describe(Rank peer) const override;
  Result<std::size_t> send_some(Rank peer, std::span<const ConstBytes> parts) override;
  Result<std::size_t> receive_some(Rank peer, std::span<const Bytes> parts) override;
  Result<void> wait(std::span<const Interest> interests, Deadline deadline) override;
  // Of the whole mesh.
  void abort() override;
  Counters counters() const override;
  Rank host_of(Rank rank) const override { return whole_->host_of(members_[rank]); }
  bool near() const override { return whole_->near(); }
  // The members' part of the whole mesh's board, for which all views ask together.
  transport::Board* board() override { return local_.size() > 1 ? this : nullptr; }
  bool claim_boards() override { return whole_->claim_boards(); }

 private:
  std::span<const Rank> ranks() const override { return local_; }
  Bytes block(Rank rank) override { return whole_->board()->block(members_[rank]); }
  void post(std::uint64_t progress, std::size_t bytes) override;
  Result<void> await(Rank rank, std::uint64_t progress, Deadline deadline) override;

  const std::shared_ptr<Mesh> whole_;
  const std::vector<Rank> members_;
  Rank rank_;
  std::vector<Rank> local_;  // The members on this rank's host.
  std::vector<Interest> interests_;
};

}  // namespace dl::worker::transport
