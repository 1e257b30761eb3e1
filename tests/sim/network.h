// The network between agents and coordinator: connections that are slow, lose, double and reorder
// messages, and break. Partitions cut a machine off without a word.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "base/time.h"
#include "model/cluster.h"

namespace dl::sim {

class World;

// A connection of an agent. Each end believes in it until it is told otherwise.
struct Link {
  std::uint64_t id = 0;
  NodeId node;
  std::uint64_t session = 0;  // Once welcomed.
  bool broken = false;        // Nothing gets through any more.
  bool closed_here = false;   // The coordinator knows.
  bool closed_there = false;  // The agent knows.
  Timestamp last_here{};      // Of the newest delivery to the coordinator, to the agent.
  Timestamp last_there{};
};
using LinkPtr = std::shared_ptr<Link>;

class Network {
 public:
  explicit Network(World& world) : world_(world) {}

  // Null when the coordinator cannot be reached.
  LinkPtr connect(const NodeId& node);
  void to_coordinator(const LinkPtr& link, std::function<void()> deliver);
  void to_agent(const LinkPtr& link, std::function<void()> deliver);
  // Both ends hear of it, each in its own time.
  void break_link(const LinkPtr& link);

  void set_partitioned(const NodeId& node, bool partitioned);
  bool is_partitioned(const NodeId& node) const;

  // The coordinator's side: the newest welcomed connection of a node, or null.
  LinkPtr link_of(const NodeId& node) const;
  LinkPtr find(std::uint64_t id) const;
  std::vector<LinkPtr> links_of(const NodeId& node) const;
  void forget(std::uint64_t id) { links_.erase(id); }
  void break_all();

 private:
  void send(const LinkPtr& link, Timestamp& last, std::function<bool()> is_closed,
            const std::function<void()>& deliver);

  World& world_;
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, LinkPtr> links_;
  std::map<NodeId, bool> partitioned_;
};

}  // namespace dl::sim
