#include "daemon/coordinator/index.h"

#include "base/assert.h"
#include "daemon/coordinator/apply.h"
#include "daemon/coordinator/lookup.h"

namespace dl::coordinator {

void index_trial(Index& index, const TrialId& id, const Trial& trial) {
  if (trial.state != TrialState::kQueued) return;
  if (trial.eligible == Timestamp{}) {
    index.queue.insert(id);
  } else {
    index.back_off.emplace(trial.eligible, id);
  }
}

void unindex_trial(Index& index, const TrialId& id, const Trial& trial) {
  if (trial.state != TrialState::kQueued) return;
  index.queue.erase(id);
  index.back_off.erase({trial.eligible, id});
}

void index_task(Index& index, const TaskId& id, const Task& task) {
  if (!is_live(task)) return;
  NodeUse& use = index.use[task.slots.node];
  use.cpus += task.slots.cpus;
  use.memory_bytes += task.slots.memory_bytes;
  for (const auto gpu : task.slots.gpu_indexes) {
    DL_ASSERT(use.gpus.emplace(gpu, id).second, "a GPU has one holder");
  }
  for (const auto port : task.ports) {
    DL_ASSERT(use.ports.insert(port).second, "a port has one holder");
  }
  use.tasks.insert(id);
}

void unindex_task(Index& index, const TaskId& id, const Task& task) {
  if (!is_live(task)) return;
  NodeUse& use = index.use[task.slots.node];
  use.cpus -= task.slots.cpus;
  use.memory_bytes -= task.slots.memory_bytes;
  for (const auto gpu : task.slots.gpu_indexes) use.gpus.erase(gpu);
  for (const auto port : task.ports) use.ports.erase(port);
  use.tasks.erase(id);
}

void rebuild_index(State& state) {
  state.index = {};
  for (const auto& [name, node] : state.nodes) {
    state.index.use[name];
    if (node.state == NodeState::kDisconnected) state.index.away.emplace(node.changed, name);
  }
  for (const auto& [key, submission] : state.submissions) {
    state.index.submissions.emplace(submission.at, key);
  }
  for (const auto& [job_id, job] : state.jobs) {
    for (const auto& [number, trial] : job.trials) {
      const TrialId id{job_id, number};
      if (job.stop == StopReason::kNone) index_trial(state.index, id, trial);
      const Attempt* attempt = live_attempt(trial);
      if (attempt == nullptr) continue;
      for (const auto& task : attempt->tasks) {
        index_task(state.index, id_of({job_id, number, attempt->number}, task), task);
      }
    }
  }
}

}  // namespace dl::coordinator
