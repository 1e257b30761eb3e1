#include <algorithm>

#include "daemon/coordinator/decide/draft.h"
#include "daemon/coordinator/decide/gang_orders.h"
#include "daemon/coordinator/derived.h"

namespace dl::coordinator {
namespace {

using std::chrono::milliseconds;

milliseconds grace_of(const Job& job, const Trial& trial, const Attempt& attempt) {
  return attempt.stop >= StopReason::kKilled ? milliseconds{0} : spec_of(job, trial).grace;
}

void forget(Draft& draft, const NodeId& node, const TaskId& id) {
  draft.effect(ForgetTask{.node = node, .task = id});
}

// The live task of that name, if it belongs on `node`.
const Task* owned_task(const Draft& draft, const NodeId& node, const TaskId& id) {
  const Task* task = find_task(draft.state, id);
  return task != nullptr && is_live(*task) && task->slots.node == node ? task : nullptr;
}

void note_exit(Draft& draft, const Task& task, const TaskStatus& status) {
  static const TaskExit kUnknown{.code = 0,
                                 .signal = 0,
                                 .kind = FailureKind::kInfrastructure,
                                 .message = "has ended without an exit status on record"};
  draft.mutate(TaskUpdated{.task = status.id,
                           .at = draft.now,
                           .state = TaskState::kExited,
                           .pid = status.pid != 0 ? status.pid : task.pid,
                           .exit = status.exit.value_or(kUnknown)});
}

// States only move on: an agent that lags behind does not set a task back.
void note_progress(Draft& draft, const Task& task, const TaskStatus& status) {
  const bool runs = task.state == TaskState::kStarting && status.state >= TaskState::kRunning;
  const TaskState state = runs ? TaskState::kRunning : task.state;
  const std::uint32_t pid = status.pid != 0 ? status.pid : task.pid;
  if (state == task.state && pid == task.pid) return;
  draft.mutate(TaskUpdated{
      .task = status.id, .at = draft.now, .state = state, .pid = pid, .exit = std::nullopt});
}

void stop_again(Draft& draft, const NodeId& node, const TaskId& id) {
  const Job* job = find_job(draft.state, id.attempt.job);
  const Trial* trial = find_trial(draft.state, id.attempt.trial_id());
  const Attempt* attempt = find_attempt(draft.state, id.attempt);
  draft.effect(StopTask{.node = node, .task = id, .grace = grace_of(*job, *trial, *attempt)});
}

// A running task that its agent does not know is gone, but only the agent's answer to the stop
// makes that certain: its slots are taken until then.
void miss(Draft& draft, const NodeId& node, const TaskId& id, bool reconnected) {
  Failure failure{.kind = reconnected ? FailureKind::kNodeLost : FailureKind::kInfrastructure,
                  .task = short_name(*find_task(draft.state, id)),
                  .message = task_of_job(id) + " is gone from node " + node +
                             (reconnected ? ", which was probably restarted"
                                          : " without a word of its end; see the agent's log")};
  stop_attempt(draft, id.attempt, StopReason::kFailed, std::move(failure));
  draft.effect(StopTask{.node = node, .task = id, .grace = milliseconds{0}});
}

// A task that should be on the node and is not.
void reconcile_absent(Draft& draft, const NodeId& node, const TaskId& id, bool reconnected) {
  switch (find_task(draft.state, id)->state) {
    case TaskState::kStarting: {
      const Trial* trial = find_trial(draft.state, id.attempt.trial_id());
      const GangOrders orders(draft.state, draft.settings, id.attempt, trial->attempt->secret,
                              trial->attempt->tasks);
      draft.effect(orders.start(*find_task(draft.state, id)));
      return;
    }
    case TaskState::kRunning: miss(draft, node, id, reconnected); return;
    case TaskState::kStopping: stop_again(draft, node, id); return;
    case TaskState::kExited: return;
  }
}

}  // namespace

bool reconcile_task(Draft& draft, const NodeId& node, const TaskStatus& status) {
  const Task* task = owned_task(draft, node, status.id);
  if (status.state == TaskState::kExited) {
    if (task != nullptr) note_exit(draft, *task, status);
    forget(draft, node, status.id);
    return true;
  }
  if (task == nullptr) {
    draft.effect(StopTask{.node = node, .task = status.id, .grace = milliseconds{0}});
    return false;
  }
  note_progress(draft, *task, status);
  const bool knows = status.state == TaskState::kStopping;
  const Attempt* attempt = find_attempt(draft.state, status.id.attempt);
  if (task->state == TaskState::kStopping && (!knows || attempt->stop >= StopReason::kKilled)) {
    stop_again(draft, node, status.id);
  }
  return true;
}

std::vector<TaskId> reconcile(Draft& draft, const NodeId& node,
                              const std::vector<TaskStatus>& inventory, bool reconnected) {
  std::vector<TaskId> foreign;
  std::set<TaskId> present;
  for (const auto& status : inventory) {
    if (!present.insert(status.id).second) continue;
    if (!reconcile_task(draft, node, status)) foreign.push_back(status.id);
  }
  if (const auto use = draft.state.index.use.find(node); use != draft.state.index.use.end()) {
    for (const auto& id : use->second.tasks) {
      if (!present.contains(id)) reconcile_absent(draft, node, id, reconnected);
    }
  }
  return foreign;
}

}  // namespace dl::coordinator
