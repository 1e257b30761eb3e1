#include "daemon/coordinator/decide/snapshot.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::coordinator {
namespace {

template <class Number>
Number left_of(Number total, Number used) {
  return total > used ? total - used : 0;  // A node may come back with less than its tasks hold.
}

// Tasks that nobody owns hold slots that nobody counts: the node waits until they are gone.
bool is_placeable(const Node& node) {
  return node.state == NodeState::kReady && node.foreign.empty();
}

NodeSnapshot snapshot_of(const Node& node, const NodeUse& use) {
  NodeSnapshot snapshot{.id = node.id,
                        .placeable = is_placeable(node),
                        .cpus = node.resources.cpus,
                        .memory_bytes = node.resources.memory_bytes,
                        .gpus = static_cast<std::uint32_t>(node.resources.gpus.size()),
                        .free_cpus = left_of(node.resources.cpus, use.cpus),
                        .free_memory_bytes = left_of(node.resources.memory_bytes, use.memory_bytes),
                        .free_gpus = {},
                        .free_ports = static_cast<std::uint32_t>(node.free_ports.size())};
  for (const auto& gpu : node.resources.gpus) {
    if (!use.gpus.contains(gpu.index)) snapshot.free_gpus.push_back(gpu.index);
  }
  return snapshot;
}

}  // namespace

ClusterSnapshot known_nodes(const State& state) {
  ClusterSnapshot cluster;
  cluster.reserve(state.nodes.size());
  for (const auto& [id, node] : state.nodes) {
    if (node.state == NodeState::kLost) continue;
    const auto use = state.index.use.find(id);
    DL_ASSERT(use != state.index.use.end(), "every node has its use");
    cluster.push_back(snapshot_of(node, use->second));
  }
  return cluster;
}

bool fits_one_node(const State& state, const std::vector<RoleSpec>& roles) {
  std::uint64_t gpus = 0;
  std::uint64_t cpus = 0;
  std::uint64_t memory = 0;
  for (const auto& role : roles) {
    gpus += std::uint64_t{role.resources.gpus} * role.count;
    cpus += std::uint64_t{role.resources.cpus} * role.count;
    memory += role.resources.memory_bytes * role.count;
  }
  return std::any_of(state.nodes.begin(), state.nodes.end(), [&](const auto& entry) {
    const Node& node = entry.second;
    return node.state != NodeState::kLost && gpus <= node.resources.gpus.size() &&
           cpus <= node.resources.cpus && memory <= node.resources.memory_bytes;
  });
}

}  // namespace dl::coordinator
