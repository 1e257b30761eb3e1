// Finding things in the state. All return null when there is no such thing.

#pragma once

#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// Holds slots, or may: its tasks are not all gone.
inline bool is_live(const Task& task) { return task.state != TaskState::kExited; }
inline bool is_live(const Attempt& attempt) { return attempt.state != AttemptState::kEnded; }
// Its agent is there, and messages of its session count.
inline bool is_connected(const Node& node) {
  return node.state == NodeState::kReady || node.state == NodeState::kDraining;
}

const Job* find_job(const State& state, JobId id);
const Trial* find_trial(const State& state, const TrialId& id);
// The live attempt, if it has this number: others are fenced off.
const Attempt* find_attempt(const State& state, const AttemptId& id);
const Task* find_task(const Attempt& attempt, const TaskId& id);
const Task* find_task(const State& state, const TaskId& id);
const Node* find_node(const State& state, const NodeId& id);

// The trial's attempt while it is live.
const Attempt* live_attempt(const Trial& trial);
// The job's trials that run, or that wait to be started.
const std::set<std::uint32_t>& active_trials(const State& state, JobId job);
bool has_live_attempt(const State& state, const Job& job);

TaskId id_of(const AttemptId& attempt, const Task& task);
// "worker:1", as failures and logs name a task of a known job.
std::string short_name(const Task& task);

}  // namespace dl::coordinator
