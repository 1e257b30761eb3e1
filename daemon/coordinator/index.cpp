#include "daemon/coordinator/index.h"

#include "base/assert.h"
#include "daemon/coordinator/apply.h"
#include "daemon/coordinator/lookup.h"

namespace dl::coordinator {
namespace {

std::optional<Timestamp> search_end(const Job& job) {
  const auto& search = job.document.parsed->search;
  if (!search || search->stop.after.count() == 0 || !job.started) return std::nullopt;
  const bool goes_on = job.search && !job.search->over && job.stop == StopReason::kNone;
  return goes_on ? std::optional(*job.started + Duration(search->stop.after)) : std::nullopt;
}

}  // namespace

void index_trial(Index& index, const TrialId& id, const Trial& trial) {
  if (trial.state != TrialState::kQueued && trial.state != TrialState::kRunning) return;
  index.active[id.job].insert(id.trial);
  if (trial.state == TrialState::kRunning) return;
  if (trial.eligible == Timestamp{}) {
    index.queue.insert(id);
  } else {
    index.back_off.emplace(trial.eligible, id);
  }
}

void unindex_trial(Index& index, const TrialId& id, const Trial& trial) {
  if (trial.state != TrialState::kQueued && trial.state != TrialState::kRunning) return;
  if (const auto active = index.active.find(id.job); active != index.active.end()) {
    active->second.erase(id.trial);
    if (active->second.empty()) index.active.erase(active);
  }
  index.queue.erase(id);
  index.back_off.erase({trial.eligible, id});
}

void index_search(Index& index, const Job& job) {
  if (const auto end = search_end(job)) index.search_ends.emplace(*end, job.id);
}

void unindex_search(Index& index, const Job& job) {
  if (const auto end = search_end(job)) index.search_ends.erase({*end, job.id});
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
    index_search(state.index, job);
    for (const auto& [number, trial] : job.trials) {
      const TrialId id{job_id, number};
      // A job that stops starts nothing any more.
      if (job.stop == StopReason::kNone || trial.state == TrialState::kRunning) {
        index_trial(state.index, id, trial);
      }
      const Attempt* attempt = live_attempt(trial);
      if (attempt == nullptr) continue;
      for (const auto& task : attempt->tasks) {
        index_task(state.index, id_of({job_id, number, attempt->number}, task), task);
      }
    }
  }
}

}  // namespace dl::coordinator
