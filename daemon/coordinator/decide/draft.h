// The parts that decide() is made of, one source file a noun. Each reads the state and adds to the
// decision in hand; none sees its own mutations applied.

#pragma once

#include <set>
#include <span>
#include <utility>

#include "daemon/coordinator/decide.h"
#include "daemon/coordinator/lookup.h"

namespace dl::coordinator {

// The decision in hand, and what it is made from.
struct Draft {
  const State& state;
  const Settings& settings;
  Timestamp now;
  Decision decision{};
  std::set<AttemptId> stopped{};  // Attempts this decision stops: once each.
  std::set<TrialId> ended{};      // Trials whose attempt this decision ends.

  void mutate(Mutation mutation) { decision.mutations.push_back(std::move(mutation)); }
  void effect(Effect effect) { decision.effects.push_back(std::move(effect)); }
  void reply(RequestId request, Result<JobId> result) {
    effect(Reply{.request = request, .result = std::move(result)});
  }
};

// jobs.cpp
void decide_submit(Draft& draft, const SubmitJob& event);
void decide_cancel(Draft& draft, const CancelJob& event);
// Refuses what can never run on the nodes that are known. As long as none is, everything may.
Result<void> check_fits(const State& state, const JobSpec& spec);

// agents.cpp
void decide_connected(Draft& draft, const AgentConnected& event);
void decide_heartbeat(Draft& draft, const AgentHeartbeat& event);
void decide_task_changed(Draft& draft, const TaskChanged& event);
void decide_disconnected(Draft& draft, const AgentDisconnected& event);
// The node whose connection this is; null when the message is of an older one.
const Node* node_of_session(const State& state, const NodeId& node, std::uint64_t session);

// reconcile.cpp: brings what an agent has and what it should have together. Returns the live tasks
// that nobody owns.
std::vector<TaskId> reconcile(Draft& draft, const NodeId& node,
                              const std::vector<TaskStatus>& inventory, bool reconnected);
// The same for one task that the agent speaks of. False: nobody owns it.
bool reconcile_task(Draft& draft, const NodeId& node, const TaskStatus& status);

// nodes.cpp
void decide_drain(Draft& draft, const DrainNode& event);
void decide_started(Draft& draft);
void decide_tick(Draft& draft);

// reports.cpp
void decide_report(Draft& draft, const TaskReport& event);

// search.cpp
void decide_pause(Draft& draft, const PauseSearch& event);
void decide_extend(Draft& draft, const ExtendSearch& event);
// What a search makes of a measurement of this trial.
void judge_trial(Draft& draft, const TrialId& id);
// A search's time is over.
void end_search_in_time(Draft& draft, JobId job);

// attempts.cpp: tells the tasks of an attempt to stop. Does nothing unless that is more
// severe than what they were told before.
void stop_attempt(Draft& draft, const AttemptId& id, StopReason reason,
                  std::optional<Failure> failure);
// What the end of some of its tasks means for a trial's attempt, and for its job.
void review_trial(Draft& draft, const TrialId& id);

// "worker:1 of job 42": how messages name a task.
std::string task_of_job(const TaskId& id);

}  // namespace dl::coordinator
