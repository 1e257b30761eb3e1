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

#include "worker/transport/mesh.h"

namespace dl::worker::transport {

class SubMesh final : public Mesh {
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

 private:
  const std::shared_ptr<Mesh> whole_;
  const std::vector<Rank> members_;
  Rank rank_;
  std::vector<Interest> interests_;
};

}  // namespace dl::worker::transport
