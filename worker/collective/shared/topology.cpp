#include "worker/collective/shared/topology.h"

#include <algorithm>

namespace dl::worker::collective {

Topology::Topology(const transport::Mesh& mesh, bool boards) : ranks_(mesh.world_size()) {
  const auto host_of = [&](transport::Rank rank) { return boards ? mesh.host_of(rank) : rank; };
  for (transport::Rank rank = 0; rank < ranks_; ++rank) {
    auto found = std::find_if(hosts_.begin(), hosts_.end(), [&](const auto& ranks) {
      return host_of(ranks.front()) == host_of(rank);
    });
    if (found == hosts_.end()) found = hosts_.insert(hosts_.end(), std::vector<transport::Rank>());
    if (rank == mesh.rank()) {
      host_ = static_cast<std::uint32_t>(found - hosts_.begin());
      place_ = static_cast<std::uint32_t>(found->size());
    }
    found->push_back(rank);
  }
}

std::uint32_t Topology::ranks_min() const {
  const auto fewest = std::min_element(hosts_.begin(), hosts_.end(),
                                       [](auto& a, auto& b) { return a.size() < b.size(); });
  return static_cast<std::uint32_t>(fewest->size());
}

}  // namespace dl::worker::collective
