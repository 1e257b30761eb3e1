#include "daemon/coordinator/decide/draft.h"

namespace dl::coordinator {
namespace {

// Its tasks end with it: whatever they still do, their attempts are over.
void give_up(Draft& draft, const NodeId& node) {
  draft.mutate(NodeStateChanged{.node = node, .state = NodeState::kLost, .at = draft.now});
  for (const auto& id : draft.state.index.use.at(node).tasks) {
    const Task* task = find_task(draft.state, id);
    TaskExit exit{.code = 0,
                  .signal = 0,
                  .kind = FailureKind::kNodeLost,
                  .message = "was lost with node " + node + ", whose agent is away for " +
                             to_short_string(draft.settings.lost_after)};
    draft.mutate(TaskUpdated{.task = id,
                             .at = draft.now,
                             .state = TaskState::kExited,
                             .pid = task->pid,
                             .exit = std::move(exit)});
  }
}

}  // namespace

void decide_drain(Draft& draft, const DrainNode& event) {
  const Node* node = find_node(draft.state, event.node);
  if (node == nullptr) {
    draft.reply(event.request,
                not_found("there is no node \"" + event.node + "\"; see `dlctl nodes`"));
    return;
  }
  draft.reply(event.request, JobId{});
  if (node->drain == event.drain && node->drain_reason == event.reason) return;
  draft.mutate(NodeDrained{
      .node = event.node, .drain = event.drain, .reason = event.reason, .at = draft.now});
}

// Agents could not connect while there was nobody to connect to: they get their whole time again.
void decide_started(Draft& draft) {
  if (draft.state.seed == 0) draft.mutate(SeedDrawn{draft.settings.seed});
  for (const auto& [id, node] : draft.state.nodes) {
    if (node.state == NodeState::kLost) continue;
    draft.mutate(NodeStateChanged{.node = id, .state = NodeState::kDisconnected, .at = draft.now});
  }
}

void decide_tick(Draft& draft) {
  const Index& index = draft.state.index;
  for (const auto& [since, node] : index.away) {
    if (since + Duration(draft.settings.lost_after) > draft.now) break;
    give_up(draft, node);
  }
  for (const auto& [eligible, trial] : index.back_off) {
    if (eligible > draft.now) break;
    draft.mutate(BackoffEnded{trial});
  }
  for (const auto& [end, job] : index.search_ends) {
    if (end > draft.now) break;
    end_search_in_time(draft, job);
  }
  if (!index.submissions.empty() &&
      index.submissions.begin()->first + kSubmissionsSwept <= draft.now) {
    draft.mutate(SubmissionsExpired{draft.now - kSubmissionsKept});
  }
}

}  // namespace dl::coordinator
