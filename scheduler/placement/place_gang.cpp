#include "scheduler/placement/place_gang.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/assert.h"
#include "scheduler/placement/pack.h"
#include "scheduler/placement/shortage.h"

namespace dl::scheduler {
namespace {

constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint32_t>::max();

Room free_room(const NodeSnapshot& node) {
  return {.gpus = node.free_gpus.size(),
          .cpus = node.free_cpus,
          .memory_bytes = node.free_memory_bytes,
          .tasks = node.free_ports > 0 ? node.free_ports - 1 : 0};
}

Room empty_room(const NodeSnapshot& node) {
  return {
      .gpus = node.gpus, .cpus = node.cpus, .memory_bytes = node.memory_bytes, .tasks = kUnlimited};
}

struct Request {
  std::vector<Resources> kinds;
  Counts counts;

  explicit Request(const GangRequest& gang) {
    for (const auto& role : gang.roles) {
      kinds.push_back(role.resources);
      counts.push_back(role.count);
    }
  }
};

// A node's free slots while they are handed out.
struct Dispenser {
  const NodeSnapshot* node = nullptr;
  std::size_t gpus_given = 0;

  SlotSet take(const Resources& need) {
    SlotSet slots{
        .node = node->id, .gpu_indexes = {}, .cpus = need.cpus, .memory_bytes = need.memory_bytes};
    for (std::uint32_t i = 0; i < need.gpus; ++i) {
      slots.gpu_indexes.push_back(node->free_gpus.at(gpus_given++));
    }
    return slots;
  }
};

// The counts of each node as slots: role by role, node by node, so that neighbours stay together.
Placement hand_out(std::vector<Dispenser> nodes, const Packing& packing, const GangRequest& gang) {
  Placement placement;
  for (std::size_t k = 0; k < gang.roles.size(); ++k) {
    const RoleSpec& role = gang.roles[k];
    std::uint32_t index = 0;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (std::uint32_t n = 0; n < packing.nodes[i][k]; ++n) {
        placement.push_back(
            {.role = role.role, .index = index++, .slots = nodes[i].take(role.resources)});
      }
    }
    DL_ASSERT(index == role.count, "a packing has all tasks of the gang");
  }
  return placement;
}

}  // namespace

Result<void> fits_empty(const ClusterSnapshot& cluster, const GangRequest& request) {
  std::vector<Room> rooms;
  rooms.reserve(cluster.size());
  for (const auto& node : cluster) rooms.push_back(empty_room(node));
  const Request wanted(request);
  const auto result = pack(rooms, wanted.kinds, wanted.counts, kSearchMax);
  if (result.packing) return {};
  auto shortage = shortage_of(rooms, request.roles, Measure::kEmpty);
  // What was not proven impossible may yet be possible: it is not refused.
  if (!result.exact && !shortage.certain) return {};
  return invalid_argument(std::move(shortage.reason));
}

Result<Placement> place_gang(const ClusterSnapshot& cluster, const GangRequest& request) {
  std::vector<Room> rooms;
  std::vector<Dispenser> nodes;
  for (const auto& node : cluster) {
    if (!node.placeable) continue;
    rooms.push_back(free_room(node));
    nodes.push_back({.node = &node});
  }
  const Request wanted(request);
  if (const auto result = pack(rooms, wanted.kinds, wanted.counts, kSearchMax); result.packing) {
    return hand_out(std::move(nodes), *result.packing, request);
  }
  DL_CHECK(fits_empty(cluster, request));
  return unavailable(shortage_of(rooms, request.roles, Measure::kFree).reason);
}

}  // namespace dl::scheduler
