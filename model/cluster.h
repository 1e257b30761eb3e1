// The machines: nodes, what they offer, and what of it is taken.

#pragma once

#include <boost/describe.hpp>
#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/job.h"
#include "model/resources.h"

namespace dl {

// A node's name: [a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?, unique in the cluster.
using NodeId = std::string;
bool is_valid_node_id(std::string_view name);

struct Gpu {
  std::uint32_t index = 0;  // NVML's.
  std::string uuid;         // "GPU-…": what CUDA_VISIBLE_DEVICES gets.
  std::string name;         // "NVIDIA H100 80GB HBM3"
  std::uint64_t memory_bytes = 0;

  friend bool operator==(const Gpu&, const Gpu&) = default;
};

// What a node offers to tasks.
struct NodeResources {
  std::uint32_t cpus = 0;          // CPU slots.
  std::uint64_t memory_bytes = 0;  // For tasks.
  std::vector<Gpu> gpus;           // Ascending by index.

  friend bool operator==(const NodeResources&, const NodeResources&) = default;
};

enum class NodeState : std::uint8_t {
  kReady,
  kDraining,      // Keeps its tasks, gets no new ones.
  kDisconnected,  // Its agent is away; its tasks are believed to run.
  kLost,          // Away for too long: its tasks were given up.
};
std::string_view to_string(NodeState);

// The part of a node that one task holds.
struct SlotSet {
  NodeId node;
  std::vector<std::uint32_t> gpu_indexes;  // Ascending.
  std::uint32_t cpus = 0;
  std::uint64_t memory_bytes = 0;

  friend bool operator==(const SlotSet&, const SlotSet&) = default;
};

// A node as placement sees it: what is free, and what there would be if it were empty.
struct NodeSnapshot {
  NodeId id;
  bool placeable = true;  // Ready: takes tasks now.
  std::uint32_t cpus = 0;
  std::uint64_t memory_bytes = 0;
  std::uint32_t gpus = 0;
  std::uint32_t free_cpus = 0;
  std::uint64_t free_memory_bytes = 0;
  std::vector<std::uint32_t> free_gpus;  // Ascending indexes.
  std::uint32_t free_ports = 0;
};

// Ordered by NodeId.
using ClusterSnapshot = std::vector<NodeSnapshot>;

BOOST_DESCRIBE_ENUM(NodeState, kReady, kDraining, kDisconnected, kLost)
BOOST_DESCRIBE_STRUCT(Gpu, (), (index, uuid, name, memory_bytes))
BOOST_DESCRIBE_STRUCT(NodeResources, (), (cpus, memory_bytes, gpus))
BOOST_DESCRIBE_STRUCT(SlotSet, (), (node, gpu_indexes, cpus, memory_bytes))

}  // namespace dl
