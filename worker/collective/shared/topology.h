// Which ranks of a mesh are on which host: the same on all of them.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "worker/transport/mesh.h"

namespace dl::worker::collective {

class Topology {
 public:
  // With `boards` claimed; else every rank is taken for a host of its own.
  Topology(const transport::Mesh& mesh, bool boards);

  // Hosts in the order of their lowest ranks; the ranks of each ascending.
  const std::vector<std::vector<transport::Rank>>& hosts() const { return hosts_; }
  // The ranks of this rank's host, itself included.
  std::span<const transport::Rank> local() const { return hosts_[host_]; }
  // This rank's host and its place there.
  std::uint32_t host() const { return host_; }
  std::uint32_t place() const { return place_; }

  // All ranks share one board.
  bool one_host() const { return hosts_.size() == 1 && local().size() > 1; }
  // Some ranks share a board, but not all.
  bool some_share() const { return hosts_.size() > 1 && hosts_.size() < ranks_; }
  // The least number of ranks on a host.
  std::uint32_t ranks_min() const;

 private:
  std::vector<std::vector<transport::Rank>> hosts_;
  std::size_t ranks_;
  std::uint32_t host_ = 0;
  std::uint32_t place_ = 0;
};

}  // namespace dl::worker::collective
