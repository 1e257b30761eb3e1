#include <algorithm>

#include "daemon/coordinator/decide/draft.h"

namespace dl::coordinator {
namespace {

// A heartbeat that says what is known costs no commit.
void offer_ports(Draft& draft, const Node& node, const std::vector<std::uint16_t>& offered) {
  const auto& taken = draft.state.index.use.at(node.id).ports;
  std::set<std::uint16_t> free;
  for (const auto port : offered) {
    if (!taken.contains(port)) free.insert(port);
  }
  if (free != node.free_ports) {
    draft.mutate(NodePortsOffered{.node = node.id, .free_ports = {free.begin(), free.end()}});
  }
}

void note_foreign(Draft& draft, const Node& node, const std::set<TaskId>& foreign) {
  if (foreign == node.foreign) return;
  draft.mutate(NodeForeignTasks{.node = node.id, .tasks = {foreign.begin(), foreign.end()}});
}

}  // namespace

const Node* node_of_session(const State& state, const NodeId& id, std::uint64_t session) {
  const Node* node = find_node(state, id);
  return node != nullptr && is_connected(*node) && node->session == session ? node : nullptr;
}

void decide_connected(Draft& draft, const AgentConnected& event) {
  if (!is_valid_node_id(event.node)) {
    draft.effect(DropAgent{.node = event.node,
                           .session = 0,
                           .reason = "\"" + event.node +
                                     "\" is not a node's name: take lower-case letters, digits, "
                                     "'-' and '.', at most 63"});
    return;
  }
  const Node* node = find_node(draft.state, event.node);
  if (node != nullptr && is_connected(*node)) {
    draft.effect(
        DropAgent{.node = event.node,
                  .session = node->session,
                  .reason = "a newer connection of node " + event.node + " has taken over"});
  }
  const std::uint64_t session = draft.state.next_session;
  draft.effect(
      WelcomeAgent{.connection = event.connection, .node = event.node, .session = session});
  auto foreign = reconcile(draft, event.node, event.tasks, true);
  // Before what reconcile found: a node is known before its tasks are.
  draft.decision.mutations.insert(draft.decision.mutations.begin(),
                                  NodeConnected{.node = event.node,
                                                .at = draft.now,
                                                .session = session,
                                                .host = event.host,
                                                .agent_version = event.agent_version,
                                                .resources = event.resources,
                                                .free_ports = event.free_ports,
                                                .foreign = std::move(foreign)});
}

void decide_heartbeat(Draft& draft, const AgentHeartbeat& event) {
  const Node* node = node_of_session(draft.state, event.node, event.session);
  if (node == nullptr) return;
  const auto foreign = reconcile(draft, event.node, event.tasks, false);
  note_foreign(draft, *node, {foreign.begin(), foreign.end()});
  offer_ports(draft, *node, event.free_ports);
}

void decide_task_changed(Draft& draft, const TaskChanged& event) {
  const Node* node = node_of_session(draft.state, event.node, event.session);
  if (node == nullptr) return;
  auto foreign = node->foreign;
  if (reconcile_task(draft, event.node, event.status)) {
    foreign.erase(event.status.id);
  } else {
    foreign.insert(event.status.id);
  }
  note_foreign(draft, *node, foreign);
}

// The node may be back in a moment: its tasks go on meanwhile.
void decide_disconnected(Draft& draft, const AgentDisconnected& event) {
  if (node_of_session(draft.state, event.node, event.session) == nullptr) return;
  draft.mutate(
      NodeStateChanged{.node = event.node, .state = NodeState::kDisconnected, .at = draft.now});
}

}  // namespace dl::coordinator
