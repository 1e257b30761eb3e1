#include "scheduler/placement/place_gang.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <set>

namespace dl::scheduler {
namespace {

constexpr std::uint64_t kGiB = 1u << 30;

struct NodeOptions {
  std::uint32_t gpus = 0;
  std::uint32_t cpus = 0;
  std::uint64_t memory_bytes = 64 * kGiB;
  std::uint32_t ports = 64;
};

// An empty node.
NodeSnapshot node(NodeId id, NodeOptions has) {
  NodeSnapshot made{.id = std::move(id),
                    .placeable = true,
                    .cpus = has.cpus,
                    .memory_bytes = has.memory_bytes,
                    .gpus = has.gpus,
                    .free_cpus = has.cpus,
                    .free_memory_bytes = has.memory_bytes,
                    .free_gpus = std::vector<std::uint32_t>(has.gpus),
                    .free_ports = has.ports};
  std::iota(made.free_gpus.begin(), made.free_gpus.end(), 0);
  return made;
}

NodeSnapshot with_free_gpus(NodeSnapshot made, std::vector<std::uint32_t> indexes) {
  made.free_gpus = std::move(indexes);
  return made;
}

RoleSpec role(Role name, std::uint32_t count, Resources need) {
  return {.role = name, .count = count, .resources = need, .command = {}};
}
GangRequest workers(std::uint32_t count, Resources need) {
  return {{role(Role::kWorker, count, need)}};
}
Resources gpus(std::uint32_t n) { return {.gpus = n, .cpus = 0, .memory_bytes = 0}; }
Resources cpus(std::uint32_t n) { return {.gpus = 0, .cpus = n, .memory_bytes = 0}; }

std::set<NodeId> nodes_of(const Placement& placement) {
  std::set<NodeId> nodes;
  for (const auto& task : placement) nodes.insert(task.slots.node);
  return nodes;
}

std::string reason(const ClusterSnapshot& cluster, const GangRequest& gang, Code code) {
  const auto result = place_gang(cluster, gang);
  REQUIRE(result.has_error());
  CHECK(result.error().code == code);
  return result.error().message;
}

TEST_CASE("place_gang puts a gang on the one node that holds all of it", "[placement]") {
  const ClusterSnapshot cluster = {node("a", {.gpus = 2}), node("b", {.gpus = 4}),
                                   node("c", {.gpus = 2})};
  const auto placement = place_gang(cluster, workers(4, gpus(1)));
  REQUIRE(placement.has_value());
  CHECK(nodes_of(*placement) == std::set<NodeId>{"b"});
  for (std::uint32_t i = 0; i < 4; ++i) {
    CHECK((*placement)[i].index == i);
    CHECK((*placement)[i].slots.gpu_indexes == std::vector<std::uint32_t>{i});
  }
}

TEST_CASE("place_gang takes the fullest node that fits, so that large holes stay", "[placement]") {
  const ClusterSnapshot cluster = {node("a", {.gpus = 8}),
                                   with_free_gpus(node("b", {.gpus = 8}), {1, 5, 6}),
                                   with_free_gpus(node("c", {.gpus = 8}), {3, 7})};
  const auto placement = place_gang(cluster, workers(2, gpus(1)));
  REQUIRE(placement.has_value());
  CHECK((*placement)[0].slots.node == "c");
  CHECK((*placement)[0].slots.gpu_indexes == std::vector<std::uint32_t>{3});
  CHECK((*placement)[1].slots.gpu_indexes == std::vector<std::uint32_t>{7});
}

TEST_CASE("place_gang takes the lowest node id of equal nodes", "[placement]") {
  const ClusterSnapshot cluster = {node("a", {.cpus = 2}), node("b", {.cpus = 2}),
                                   node("c", {.cpus = 2})};
  CHECK(place_gang(cluster, workers(1, cpus(1)))->at(0).slots.node == "a");
  CHECK(nodes_of(*place_gang(cluster, workers(4, cpus(1)))) == std::set<NodeId>{"a", "b"});
}

TEST_CASE("place_gang keeps the tasks of a role that share a node together", "[placement]") {
  const ClusterSnapshot cluster = {node("a", {.cpus = 3}), node("b", {.cpus = 3})};
  const auto placement =
      place_gang(cluster, {{role(Role::kChief, 1, cpus(1)), role(Role::kWorker, 4, cpus(1)),
                            role(Role::kPs, 1, cpus(1))}});
  REQUIRE(placement.has_value());
  REQUIRE(placement->size() == 6);
  CHECK(std::is_sorted(placement->begin(), placement->end(), [](const auto& x, const auto& y) {
    return std::tuple(x.role, x.slots.node) < std::tuple(y.role, y.slots.node);
  }));
  for (std::uint32_t i = 0; i < 4; ++i) CHECK((*placement)[1 + i].index == i);
}

TEST_CASE("place_gang counts GPUs, CPU slots and memory of one task on one node", "[placement]") {
  const Resources need{.gpus = 1, .cpus = 4, .memory_bytes = 16 * kGiB};
  ClusterSnapshot cluster = {node("a", {.gpus = 4, .cpus = 2}),
                             node("b", {.gpus = 1, .cpus = 8, .memory_bytes = 8 * kGiB}),
                             node("c", {.gpus = 1, .cpus = 8, .memory_bytes = 16 * kGiB})};
  const auto placement = place_gang(cluster, workers(1, need));
  REQUIRE(placement.has_value());
  CHECK((*placement)[0].slots ==
        SlotSet{.node = "c", .gpu_indexes = {0}, .cpus = 4, .memory_bytes = 16 * kGiB});
  CHECK(place_gang(cluster, workers(2, need)).has_error());
}

TEST_CASE("place_gang leaves a port for rank 0 on every node", "[placement]") {
  const auto gang = workers(2, cpus(1));
  CHECK(place_gang({node("a", {.cpus = 4, .ports = 3})}, gang).has_value());
  const ClusterSnapshot scarce = {node("a", {.cpus = 4, .ports = 2})};
  CHECK(reason(scarce, gang, Code::kUnavailable) ==
        "needs ports for 2 tasks; the nodes hold ports for 1");
  const ClusterSnapshot spread = {node("a", {.cpus = 4, .ports = 2}),
                                  node("b", {.cpus = 4, .ports = 2})};
  CHECK(nodes_of(*place_gang(spread, gang)).size() == 2);
}

TEST_CASE("place_gang uses no node that is not ready, but counts it as part of the cluster",
          "[placement]") {
  ClusterSnapshot cluster = {node("a", {.gpus = 4}), node("b", {.gpus = 2})};
  cluster[0].placeable = false;
  CHECK(nodes_of(*place_gang(cluster, workers(2, gpus(1)))) == std::set<NodeId>{"b"});
  CHECK(reason(cluster, workers(1, gpus(3)), Code::kUnavailable) ==
        "needs 3 GPUs on one node; at most 2 are free");
  cluster[1].placeable = false;
  CHECK(reason(cluster, workers(1, gpus(1)), Code::kUnavailable) == "no node is ready");
}

TEST_CASE("place_gang places mixed gangs on the fewest nodes where greed would not",
          "[placement]") {
  // Filling "c" with workers first would leave the ps to a third node.
  const ClusterSnapshot cluster = {node("a", {.gpus = 2, .cpus = 0}),
                                   node("b", {.gpus = 2, .cpus = 6}),
                                   node("c", {.gpus = 0, .cpus = 7})};
  const auto placement = place_gang(
      cluster, {{role(Role::kWorker, 2, {.gpus = 1, .cpus = 3}), role(Role::kPs, 7, cpus(1))}});
  REQUIRE(placement.has_value());
  CHECK(nodes_of(*placement) == std::set<NodeId>{"b", "c"});
}

TEST_CASE("place_gang says the one dominant reason", "[placement]") {
  const ClusterSnapshot cluster = {
      with_free_gpus(node("a", {.gpus = 4, .cpus = 8}), {0, 1}),
      with_free_gpus(node("b", {.gpus = 2, .cpus = 8, .memory_bytes = 32 * kGiB}), {1})};
  struct Row {
    GangRequest gang;
    Code code;
    std::string message;
  };
  const Row rows[] = {
      {workers(1, gpus(6)), Code::kInvalidArgument,
       "needs 6 GPUs on one node; the largest node has 4"},
      {workers(8, gpus(1)), Code::kInvalidArgument, "needs 8 GPUs; the cluster has 6"},
      {workers(17, cpus(1)), Code::kInvalidArgument, "needs 17 CPU slots; the cluster has 16"},
      {workers(1, cpus(9)), Code::kInvalidArgument,
       "needs 9 CPU slots on one node; the largest node has 8"},
      {workers(1, {.gpus = 0, .cpus = 1, .memory_bytes = 65 * kGiB}), Code::kInvalidArgument,
       "needs 65.0 GiB of memory on one node; the largest node has 64.0 GiB"},
      {workers(2, gpus(3)), Code::kInvalidArgument,
       "its tasks (2 worker of 3 GPUs) do not fit together, whatever is free"},
      {workers(1, gpus(3)), Code::kUnavailable, "needs 3 GPUs on one node; at most 2 are free"},
      {workers(4, gpus(1)), Code::kUnavailable, "needs 4 GPUs; 3 are free"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.message);
    CHECK(reason(cluster, row.gang, row.code) == row.message);
  }
}

TEST_CASE("place_gang says what is free in words of one and none", "[placement]") {
  auto full = node("a", {.cpus = 4});
  full.free_cpus = 1;
  CHECK(reason({full, node("b", {.gpus = 1, .cpus = 0})}, workers(2, cpus(1)),
               Code::kUnavailable) == "needs 2 CPU slots; 1 is free");
  full.free_cpus = 0;
  CHECK(reason({full}, workers(1, cpus(1)), Code::kUnavailable) ==
        "needs 1 CPU slot on one node; none is free");
}

TEST_CASE("place_gang finds nothing in a cluster without nodes", "[placement]") {
  CHECK(reason({}, workers(1, cpus(1)), Code::kInvalidArgument) == "the cluster has no node");
}

TEST_CASE("fits_empty looks at whole nodes, not at what is free", "[placement]") {
  auto busy = node("a", {.gpus = 4, .ports = 0});
  busy.free_gpus.clear();
  busy.placeable = false;
  CHECK(fits_empty({busy}, workers(2, gpus(2))).has_value());
  CHECK(fits_empty({busy}, workers(2, gpus(3))).has_error());
}

// --- against brute force -----------------------------------------------------------------------

bool holds(const NodeSnapshot& n, const std::vector<Resources>& tasks) {
  std::uint64_t used_gpus = 0, used_cpus = 0, used_memory = 0;
  for (const auto& task : tasks) {
    used_gpus += task.gpus;
    used_cpus += task.cpus;
    used_memory += task.memory_bytes;
  }
  return used_gpus <= n.free_gpus.size() && used_cpus <= n.free_cpus &&
         used_memory <= n.free_memory_bytes && (tasks.empty() || tasks.size() + 1 <= n.free_ports);
}

// The fewest nodes over every assignment of tasks to nodes; 0 when there is none.
std::size_t brute_force(const ClusterSnapshot& cluster, const GangRequest& gang) {
  std::vector<Resources> tasks;
  for (const auto& r : gang.roles) tasks.insert(tasks.end(), r.count, r.resources);
  std::vector<std::vector<Resources>> given(cluster.size());
  std::size_t best = 0;
  std::function<void(std::size_t)> place = [&](std::size_t t) {
    if (t == tasks.size()) {
      const auto used = static_cast<std::size_t>(
          std::count_if(given.begin(), given.end(), [](const auto& on) { return !on.empty(); }));
      if (best == 0 || used < best) best = used;
      return;
    }
    for (std::size_t i = 0; i < cluster.size(); ++i) {
      given[i].push_back(tasks[t]);
      if (cluster[i].placeable && holds(cluster[i], given[i])) place(t + 1);
      given[i].pop_back();
    }
  };
  place(0);
  return best;
}

// All of the gang, in order, and no slot given twice.
void check_valid(const ClusterSnapshot& cluster, const GangRequest& gang,
                 const Placement& placement) {
  std::map<NodeId, std::vector<Resources>> given;
  std::map<NodeId, std::set<std::uint32_t>> gpus_given;
  std::size_t at = 0;
  for (const auto& r : gang.roles) {
    for (std::uint32_t i = 0; i < r.count; ++i, ++at) {
      REQUIRE(at < placement.size());
      const auto& task = placement[at];
      CHECK((task.role == r.role && task.index == i));
      CHECK(task.slots.gpu_indexes.size() == r.resources.gpus);
      CHECK(task.slots.cpus == r.resources.cpus);
      for (const auto gpu : task.slots.gpu_indexes) {
        CHECK(gpus_given[task.slots.node].insert(gpu).second);
      }
      given[task.slots.node].push_back(r.resources);
    }
  }
  CHECK(at == placement.size());
  for (const auto& n : cluster) {
    CHECK(holds(n, given[n.id]));
    for (const auto gpu : gpus_given[n.id]) {
      CHECK(std::binary_search(n.free_gpus.begin(), n.free_gpus.end(), gpu));
    }
  }
}

TEST_CASE("place_gang is as good as trying everything, on small clusters", "[placement]") {
  const unsigned seed = Catch::rngSeed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto pick = [&](std::uint32_t max) {
    return static_cast<std::uint32_t>(random() % (max + 1));
  };
  int placed = 0;
  for (int round = 0; round < 1500; ++round) {
    ClusterSnapshot cluster;
    const auto node_count = 1 + pick(3);
    for (std::uint32_t i = 0; i < node_count; ++i) {
      cluster.push_back(
          node(std::string(1, static_cast<char>('a' + i)), {.gpus = pick(4),
                                                            .cpus = pick(6),
                                                            .memory_bytes = pick(4) * kGiB,
                                                            .ports = 1 + pick(5)}));
      cluster.back().placeable = pick(5) > 0;
    }
    GangRequest gang;
    for (const auto name : {Role::kChief, Role::kWorker, Role::kPs}) {
      const auto count = pick(name == Role::kWorker ? 3 : 1);
      if (count > 0) gang.roles.push_back(role(name, count, {pick(2), pick(2), pick(1) * kGiB}));
    }
    if (gang.roles.empty()) continue;
    CAPTURE(round);
    const auto best = brute_force(cluster, gang);
    const auto placement = place_gang(cluster, gang);
    REQUIRE(placement.has_value() == (best > 0));
    if (!placement) continue;
    ++placed;
    CHECK(nodes_of(*placement).size() == best);
    check_valid(cluster, gang, *placement);
    CHECK(fits_empty(cluster, gang).has_value());
  }
  CHECK(placed > 200);
}

TEST_CASE("place_gang answers for a thousand nodes and a mixed gang", "[placement]") {
  ClusterSnapshot cluster;
  for (int i = 0; i < 1000; ++i) {
    cluster.push_back(with_free_gpus(node("n" + std::to_string(1000 + i), {.gpus = 8, .cpus = 64}),
                                     std::vector<std::uint32_t>(1 + i % 7, 0)));
    std::iota(cluster.back().free_gpus.begin(), cluster.back().free_gpus.end(), 0);
  }
  const GangRequest gang{{role(Role::kChief, 1, gpus(1)), role(Role::kWorker, 63, gpus(1)),
                          role(Role::kPs, 8, cpus(4)), role(Role::kEvaluator, 1, gpus(2))}};
  const auto placement = place_gang(cluster, gang);
  REQUIRE(placement.has_value());
  check_valid(cluster, gang, *placement);
  CHECK(nodes_of(*placement).size() == 10);  // 66 GPUs, 7 on the emptiest nodes.
}

}  // namespace
}  // namespace dl::scheduler
