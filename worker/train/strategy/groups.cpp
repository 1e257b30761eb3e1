#include "worker/train/strategy/groups.h"

#include <map>

namespace dl::worker::train {

Groups groups_of(const StrategySpec& spec, const std::vector<std::string>& nodes) {
  Groups groups;
  std::map<std::string, std::size_t> group_of_node;
  for (transport::Rank rank = 0; rank < nodes.size(); ++rank) {
    std::size_t group = groups.size();
    if (spec.name == "hybrid") {
      group = spec.group_size > 0
                  ? rank / spec.group_size
                  : group_of_node.try_emplace(nodes[rank], groups.size()).first->second;
    }
    if (group == groups.size()) groups.emplace_back();
    groups[group].push_back(rank);
  }
  return groups;
}

std::vector<transport::Rank> ranks_of_servers(const Groups& groups, std::uint32_t workers,
                                              std::uint32_t servers) {
  std::vector<transport::Rank> ranks;
  for (const auto& group : groups) ranks.push_back(group.front());
  for (std::uint32_t i = 0; i < servers; ++i) ranks.push_back(workers + i);
  return ranks;
}

}  // namespace dl::worker::train
