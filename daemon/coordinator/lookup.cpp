#include "daemon/coordinator/lookup.h"

#include <algorithm>

namespace dl::coordinator {

const Job* find_job(const State& state, JobId id) {
  const auto found = state.jobs.find(id);
  return found == state.jobs.end() ? nullptr : &found->second;
}

const Trial* find_trial(const State& state, const TrialId& id) {
  const Job* job = find_job(state, id.job);
  if (job == nullptr) return nullptr;
  const auto found = job->trials.find(id.trial);
  return found == job->trials.end() ? nullptr : &found->second;
}

const Attempt* find_attempt(const State& state, const AttemptId& id) {
  const Trial* trial = find_trial(state, id.trial_id());
  const Attempt* attempt = trial == nullptr ? nullptr : live_attempt(*trial);
  return attempt != nullptr && attempt->number == id.attempt ? attempt : nullptr;
}

const Task* find_task(const Attempt& attempt, const TaskId& id) {
  const auto found = std::find_if(
      attempt.tasks.begin(), attempt.tasks.end(),
      [&](const Task& task) { return task.role == id.role && task.index == id.index; });
  return found == attempt.tasks.end() ? nullptr : &*found;
}

const Task* find_task(const State& state, const TaskId& id) {
  const Attempt* attempt = find_attempt(state, id.attempt);
  return attempt == nullptr ? nullptr : find_task(*attempt, id);
}

const Node* find_node(const State& state, const NodeId& id) {
  const auto found = state.nodes.find(id);
  return found == state.nodes.end() ? nullptr : &found->second;
}

const Attempt* live_attempt(const Trial& trial) {
  return trial.attempt && is_live(*trial.attempt) ? &*trial.attempt : nullptr;
}

const std::set<std::uint32_t>& active_trials(const State& state, JobId job) {
  static const std::set<std::uint32_t> kNone;
  const auto found = state.index.active.find(job);
  return found == state.index.active.end() ? kNone : found->second;
}

bool has_live_attempt(const State& state, const Job& job) {
  const auto& active = active_trials(state, job.id);
  return std::any_of(active.begin(), active.end(), [&](std::uint32_t number) {
    return live_attempt(job.trials.at(number)) != nullptr;
  });
}

TaskId id_of(const AttemptId& attempt, const Task& task) {
  return {.attempt = attempt, .role = task.role, .index = task.index};
}

std::string short_name(const Task& task) {
  return std::string(to_string(task.role)) + ":" + std::to_string(task.index);
}

}  // namespace dl::coordinator
