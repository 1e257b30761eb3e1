#include "daemon/coordinator/decide.h"

#include <algorithm>

#include "daemon/coordinator/decide/draft.h"

namespace dl::coordinator {
namespace {

class Decider {
 public:
  explicit Decider(Draft& draft) : draft_(draft) {}

  void operator()(const SubmitJob& e) { decide_submit(draft_, e); }
  void operator()(const CancelJob& e) { decide_cancel(draft_, e); }
  void operator()(const DrainNode& e) { decide_drain(draft_, e); }
  void operator()(const PauseSearch& e) { decide_pause(draft_, e); }
  void operator()(const ExtendSearch& e) { decide_extend(draft_, e); }
  void operator()(const AgentConnected& e) { decide_connected(draft_, e); }
  void operator()(const AgentHeartbeat& e) { decide_heartbeat(draft_, e); }
  void operator()(const TaskChanged& e) { decide_task_changed(draft_, e); }
  void operator()(const TaskReport& e) { decide_report(draft_, e); }
  void operator()(const AgentDisconnected& e) { decide_disconnected(draft_, e); }
  void operator()(const Tick&) { decide_tick(draft_); }
  void operator()(const Started&) { decide_started(draft_); }

 private:
  Draft& draft_;
};

// The trials in which a task has ended.
std::set<TrialId> touched(std::span<const Mutation> applied) {
  std::set<TrialId> trials;
  for (const auto& mutation : applied) {
    const auto* update = std::get_if<TaskUpdated>(&mutation);
    if (update != nullptr && update->state == TaskState::kExited) {
      trials.insert(update->task.attempt.trial_id());
    }
  }
  return trials;
}

}  // namespace

Decision decide(const State& state, const Settings& settings, const Event& event, Timestamp now) {
  Draft draft{.state = state, .settings = settings, .now = now};
  std::visit(Decider(draft), event);
  return std::move(draft.decision);
}

Decision follow_up(const State& state, const Settings& settings, std::span<const Mutation> applied,
                   Timestamp now) {
  Draft draft{.state = state, .settings = settings, .now = now};
  for (const auto& mutation : applied) {
    const auto* measured = std::get_if<TrialMeasured>(&mutation);
    if (measured != nullptr) judge_trial(draft, measured->trial);
  }
  for (const auto& trial : touched(applied)) review_trial(draft, trial);
  return std::move(draft.decision);
}

std::optional<Timestamp> next_deadline(const State& state, const Settings& settings) {
  std::optional<Timestamp> next;
  const auto due = [&](Timestamp at) { next = next ? std::min(*next, at) : at; };
  const Index& index = state.index;
  if (!index.away.empty()) due(index.away.begin()->first + Duration(settings.lost_after));
  if (!index.back_off.empty()) due(index.back_off.begin()->first);
  if (!index.search_ends.empty()) due(index.search_ends.begin()->first);
  if (!index.submissions.empty()) due(index.submissions.begin()->first + kSubmissionsSwept);
  return next;
}

}  // namespace dl::coordinator
