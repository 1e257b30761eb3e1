#include <algorithm>

#include "base/assert.h"
#include "daemon/coordinator/decide/blame.h"
#include "daemon/coordinator/decide/draft.h"
#include "daemon/coordinator/decide/objectives.h"
#include "daemon/coordinator/decide/random.h"
#include "daemon/coordinator/derived.h"

namespace dl::coordinator {
namespace {

bool has_succeeded(const Task& task) { return task.exit && task.exit->ok(); }

bool all_gone(const Attempt& attempt) {
  return std::none_of(attempt.tasks.begin(), attempt.tasks.end(),
                      [](const Task& task) { return is_live(task); });
}

// Parameter servers and evaluators serve the others; a gang of nothing else serves itself.
bool decides_success(const Attempt& attempt, const Task& task) {
  const auto is_primary = [](const Task& t) {
    return t.role == Role::kChief || t.role == Role::kWorker;
  };
  return is_primary(task) || std::none_of(attempt.tasks.begin(), attempt.tasks.end(), is_primary);
}

bool is_complete(const Attempt& attempt) {
  return std::all_of(attempt.tasks.begin(), attempt.tasks.end(), [&](const Task& task) {
    return !decides_success(attempt, task) || has_succeeded(task);
  });
}

// What a review has found out about one attempt.
struct Review {
  const Job& job;
  const Trial& trial;
  const Attempt& attempt;
  AttemptId id;
};

// The cause to put on record now, if there is a new or a better one.
std::optional<Failure> new_cause(const Review& review) {
  const Attempt& attempt = review.attempt;
  if (attempt.stop != StopReason::kNone && attempt.stop != StopReason::kFailed) return {};
  auto cause = root_cause(review.id, attempt, spec_of(review.job, review.trial).grace);
  if (!cause || !attempt.failure) return cause;
  const bool better = attempt.failure->kind == FailureKind::kCommunication &&
                      cause->kind != FailureKind::kCommunication;
  return better ? cause : std::nullopt;
}

JobState outcome_of(const Job& job, TrialState outcome) {
  if (job.stop != StopReason::kNone) return JobState::kCancelled;
  if (outcome == TrialState::kFailed) return JobState::kFailed;
  return outcome == TrialState::kCancelled ? JobState::kCancelled : JobState::kSucceeded;
}

// A search goes on without this trial, unless it is being stopped.
void end_job_if_last(Draft& draft, const Job& job, const TrialId& last, TrialState outcome,
                     const std::optional<Failure>& failure) {
  const bool goes_on = job.search.has_value() && job.stop == StopReason::kNone;
  if (!is_terminal(outcome) || goes_on) return;
  for (const auto number : active_trials(draft.state, job.id)) {
    if (number != last.trial && !draft.ended.contains({job.id, number})) return;
  }
  const JobState state = outcome_of(job, outcome);
  draft.mutate(JobEnded{.job = job.id,
                        .state = state,
                        .at = draft.now,
                        .failure = state == JobState::kFailed ? failure : std::nullopt});
}

// A failure that ends the trial says why there is no other try.
Failure final_failure(const RestartSpec& restarts, Failure failure) {
  const auto budget = restarts.of(failure.kind);
  if (budget > 0) {
    failure.message += " (restarted " + std::to_string(budget) +
                       (budget == 1 ? " time" : " times") + " after " +
                       std::string(to_string(failure.kind)) + ", as often as it may)";
  }
  return failure;
}

AttemptEnded end_of(const Draft& draft, const Review& review, std::optional<Failure> failure) {
  const StopReason stop = review.attempt.stop;
  AttemptEnded end{.attempt = review.id,
                   .at = draft.now,
                   .outcome = TrialState::kSucceeded,
                   .failure = std::nullopt,
                   .eligible = {}};
  if (stop >= StopReason::kCancelled) {
    end.outcome = TrialState::kCancelled;
    return end;
  }
  if (review.trial.verdict != TrialVerdict::kGoOn) {
    const bool pauses = review.trial.verdict == TrialVerdict::kPause;
    end.outcome = pauses ? TrialState::kPaused : TrialState::kStopped;
    return end;
  }
  if (stop == StopReason::kCompleted || (!failure && is_complete(review.attempt))) {
    end.failure = unjudgeable(review.job, review.trial);
    if (end.failure) end.outcome = TrialState::kFailed;
    return end;
  }
  const RestartSpec& restarts = spec_of(review.job, review.trial).restarts;
  end.failure = failure.value_or(
      Failure{.kind = FailureKind::kInfrastructure,
              .task = {},
              .message = "attempt " + to_string(review.id) + " was stopped and nobody said why"});
  if (may_restart(restarts, review.trial, end.failure->kind)) {
    std::uint64_t dice = draft.state.seed ^ (review.id.job.value << 20) ^ review.id.attempt;
    end.outcome = TrialState::kQueued;
    end.eligible = draft.now + back_off(restarts, review.trial, next_random(dice));
  } else {
    end.outcome = TrialState::kFailed;
    end.failure = final_failure(restarts, *std::move(end.failure));
  }
  return end;
}

void end_attempt(Draft& draft, const Review& review, std::optional<Failure> cause) {
  if (!cause) cause = review.attempt.failure;
  const AttemptEnded end = end_of(draft, review, std::move(cause));
  draft.mutate(end);
  draft.ended.insert(review.id.trial_id());
  end_job_if_last(draft, review.job, review.id.trial_id(), end.outcome, end.failure);
}

}  // namespace

void stop_attempt(Draft& draft, const AttemptId& id, StopReason reason,
                  std::optional<Failure> failure) {
  const Job* job = find_job(draft.state, id.job);
  const Attempt* attempt = find_attempt(draft.state, id);
  DL_ASSERT(job != nullptr && attempt != nullptr, "only a live attempt is stopped");
  if (reason <= attempt->stop || !draft.stopped.insert(id).second) return;
  draft.mutate(AttemptStopping{
      .attempt = id, .at = draft.now, .reason = reason, .failure = std::move(failure)});
  const auto grace = reason == StopReason::kKilled
                         ? std::chrono::milliseconds{0}
                         : spec_of(*job, *find_trial(draft.state, id.trial_id())).grace;
  for (const auto& task : attempt->tasks) {
    if (!is_live(task)) continue;
    draft.effect(StopTask{.node = task.slots.node, .task = id_of(id, task), .grace = grace});
  }
}

void review_trial(Draft& draft, const TrialId& id) {
  const Trial* trial = find_trial(draft.state, id);
  const Attempt* attempt = trial == nullptr ? nullptr : live_attempt(*trial);
  if (attempt == nullptr) return;
  const Review review{.job = *find_job(draft.state, id.job),
                      .trial = *trial,
                      .attempt = *attempt,
                      .id = {id.job, id.trial, attempt->number}};
  auto cause = new_cause(review);
  if (all_gone(*attempt)) {
    end_attempt(draft, review, std::move(cause));
  } else if (cause && attempt->stop == StopReason::kFailed) {
    draft.mutate(AttemptBlamed{.attempt = review.id, .failure = *std::move(cause)});
  } else if (cause) {
    stop_attempt(draft, review.id, StopReason::kFailed, std::move(cause));
  } else if (is_complete(*attempt)) {
    stop_attempt(draft, review.id, StopReason::kCompleted, std::nullopt);
  }
}

}  // namespace dl::coordinator
