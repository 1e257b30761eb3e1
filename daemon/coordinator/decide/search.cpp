// What a search does next: its trials, its verdicts, its end, and what operators do to it.

#include <algorithm>

#include "daemon/coordinator/decide/draft.h"
#include "daemon/coordinator/derived.h"

namespace dl::coordinator {
namespace {

// The jobs whose search may have something new to say after a mutation.
struct Concerns {
  std::set<JobId>& jobs;

  void operator()(const JobSubmitted& m) const { jobs.insert(m.job); }
  void operator()(const AttemptEnded& m) const { jobs.insert(m.attempt.job); }
  void operator()(const TrialMeasured& m) const { jobs.insert(m.trial.job); }
  void operator()(const TrialEnded& m) const { jobs.insert(m.trial.job); }
  void operator()(const SearchResumed& m) const { jobs.insert(m.job); }
  void operator()(const SearchExtended& m) const { jobs.insert(m.job); }
  void operator()(const SearchOver& m) const { jobs.insert(m.job); }
  template <class Other>
  void operator()(const Other&) const {}
};

Failure failure_of_search(const Job& job) {
  const Trial* last = nullptr;
  for (const auto& [number, trial] : job.trials) {
    if (trial.state != TrialState::kFailed) continue;
    if (last == nullptr || last->ended <= trial.ended) last = &trial;
  }
  Failure failure{.kind = FailureKind::kSpec, .task = {}, .message = "the search found nothing: "};
  failure.message += *job.search->over;
  if (last == nullptr || !last->last_failure) return failure;
  failure.kind = last->last_failure->kind;
  failure.message += ". The last to fail was trial " + to_string(TrialId{job.id, last->number}) +
                     ": " + last->last_failure->message;
  if (job.search->failed)
    failure.message += ". Mend that and submit the job again, or raise search.max_failed_trials";
  return failure;
}

// A trial that was stopped before its end has a result too.
bool has_result(const Trial& trial) {
  return trial.measured &&
         (trial.state == TrialState::kSucceeded || trial.state == TrialState::kStopped ||
          trial.state == TrialState::kPaused);
}

void end_job(Draft& draft, const Job& job) {
  const bool found = std::any_of(job.trials.begin(), job.trials.end(),
                                 [](const auto& entry) { return has_result(entry.second); });
  JobEnded end{
      .job = job.id, .state = JobState::kSucceeded, .at = draft.now, .failure = std::nullopt};
  if (job.search->failed || !found) {
    end.state = JobState::kFailed;
    end.failure = failure_of_search(job);
  }
  draft.mutate(std::move(end));
}

// Trials that have not begun do not begin any more; those that run go on, unless the search failed.
void end_search(Draft& draft, const Job& job, const std::string& why, bool failed) {
  draft.mutate(SearchOver{.job = job.id, .at = draft.now, .why = why, .failed = failed});
  for (const auto number : active_trials(draft.state, job.id)) {
    const Trial& trial = job.trials.at(number);
    if (const Attempt* attempt = live_attempt(trial)) {
      if (!failed) continue;
      stop_attempt(draft, {job.id, number, attempt->number}, StopReason::kCancelled, std::nullopt);
    } else if (failed || trial.attempts == 0) {
      draft.mutate(TrialEnded{.trial = {job.id, number},
                              .at = draft.now,
                              .state = TrialState::kCancelled,
                              .failure = std::nullopt,
                              .why = why});
    }
  }
}

// The trial, and its end if it makes no job that can run.
void create(Draft& draft, const Job& job, const scheduler::StartTrial& start) {
  const TrialId id{job.id, static_cast<std::uint32_t>(job.trials.size() + 1)};
  draft.mutate(TrialCreated{
      .trial = id, .at = draft.now, .assignment = start.assignment, .from = start.from});
  Trial trial;
  trial.assignment = start.assignment;
  const Result<JobSpec>& spec = trial_spec(job, trial);
  const Result<void> fits = spec ? check_fits(draft.state, *spec) : Result<void>(spec.error());
  // A cluster that has lost the nodes for the job itself may get them back.
  if (fits || (spec && !check_fits(draft.state, *job.document.parsed))) return;
  draft.mutate(TrialEnded{
      .trial = id,
      .at = draft.now,
      .state = TrialState::kFailed,
      .failure = Failure{.kind = FailureKind::kSpec,
                         .task = {},
                         .message = "trial " + to_string(id) +
                                    " makes no job that can run: " + fits.error().message},
      .why = {}});
}

class Answer {
 public:
  Answer(Draft& draft, const Job& job) : draft_(draft), job_(job) {}

  void operator()(const scheduler::StartTrial& start) { create(draft_, job_, start); }

  void operator()(const scheduler::ResumeTrial& resume) {
    const Trial& trial = job_.trials.at(resume.number);
    const TrialId id{job_.id, resume.number};
    if (trial.state == TrialState::kPaused) {
      draft_.mutate(TrialResumed{.trial = id, .at = draft_.now});
    } else if (!active_trials(draft_.state, job_.id).contains(resume.number)) {
      // Only where another version's search has decided otherwise before.
      end_search(draft_, job_, "trial " + to_string(id) + " cannot go on, it has ended", false);
    }  // Else its tasks still stop: it is resumed when they are gone.
  }

  void operator()(const scheduler::WaitForTrials&) {}

  void operator()(const scheduler::SearchOver& over) {
    end_search(draft_, job_, over.why, over.failed);
  }

 private:
  Draft& draft_;
  const Job& job_;
};

// The job, if an operator may change its search now.
Result<const Job*> changeable(const State& state, JobId id) {
  const Job* job = find_job(state, id);
  const auto refused = [&](const std::string& why) {
    return Error{Code::kFailedPrecondition, "job " + to_string(id) + " " + why};
  };
  if (job == nullptr) {
    if (id.value > 0 && id.value < state.next_job)
      return refused("has ended; submit it again with what it should try");
    return not_found("there is no job " + to_string(id) + "; see `dlctl jobs`");
  }
  if (!job->search) return refused("has no search block, so there is nothing to change");
  if (job->stop != StopReason::kNone) return refused("is being stopped");
  if (job->search->over) return refused("starts no more trials: " + *job->search->over);
  return job;
}

Result<SearchExtended> extended(const Job& job, const ExtendSearch& event) {
  const Search& search = *job.search;
  SearchExtended change{.job = job.id,
                        .at = {},
                        .max_trials = search.max_trials,
                        .max_parallel = search.max_parallel};
  if (event.trials == 0 && event.max_parallel == 0)
    return invalid_argument("says neither how many trials more nor how many at once");
  if (event.trials > 0 && search.max_trials == 0)
    return invalid_argument(
        "the search tries all points of its grid, there are no more; submit a "
        "job with more points");
  if (event.trials > kTrialsMax - std::min(kTrialsMax, search.max_trials)) {
    return invalid_argument(std::to_string(search.max_trials) + " trials and " +
                            std::to_string(event.trials) + " more are over the limit of " +
                            std::to_string(kTrialsMax));
  }
  if (event.max_parallel > kParallelMax)
    return invalid_argument(std::to_string(event.max_parallel) +
                            " trials at once are over the limit of " +
                            std::to_string(kParallelMax));
  change.max_trials += event.trials;
  if (event.max_parallel > 0) change.max_parallel = event.max_parallel;
  return change;
}

}  // namespace

std::set<JobId> searches_in(const State& state, std::span<const Mutation> applied) {
  std::set<JobId> jobs;
  for (const auto& mutation : applied) std::visit(Concerns{jobs}, mutation);
  std::erase_if(jobs, [&](JobId id) {
    const Job* job = find_job(state, id);
    return job == nullptr || !job->search;
  });
  return jobs;
}

Decision search(const State& state, const Settings& settings, JobId id, Timestamp now) {
  Draft draft{.state = state, .settings = settings, .now = now};
  const Job* job = find_job(state, id);
  if (job == nullptr || !job->search || job->stop != StopReason::kNone) return {};
  const std::size_t active = active_trials(state, id).size();
  if (job->search->over) {
    if (active == 0) end_job(draft, *job);
  } else if (!job->search->paused && active < job->search->max_parallel) {
    std::visit(Answer(draft, *job), searcher_of(*job).suggest());
  }
  return std::move(draft.decision);
}

void judge_trial(Draft& draft, const TrialId& id) {
  const Job* job = find_job(draft.state, id.job);
  const Trial& trial = job->trials.at(id.trial);
  const Attempt* attempt = live_attempt(trial);
  const scheduler::Trial& seen = searcher_of(*job).trials().at(id.trial - 1);
  const bool pauses = seen.state == scheduler::TrialState::kPaused;
  const bool goes_on = !pauses && seen.state != scheduler::TrialState::kStopped;
  if (goes_on || attempt == nullptr || trial.verdict != TrialVerdict::kGoOn) return;
  draft.mutate(TrialJudged{.trial = id,
                           .at = draft.now,
                           .verdict = pauses ? TrialVerdict::kPause : TrialVerdict::kStop,
                           .why = seen.why});
  stop_attempt(draft, {id.job, id.trial, attempt->number},
               pauses ? StopReason::kPaused : StopReason::kPruned, std::nullopt);
}

void end_search_in_time(Draft& draft, JobId id) {
  const Job* job = find_job(draft.state, id);
  const auto after = job->document.parsed->search->stop.after;
  end_search(draft, *job, "its time of " + to_short_string(after) + " is over", false);
}

void decide_pause(Draft& draft, const PauseSearch& event) {
  const auto job = changeable(draft.state, event.job);
  draft.reply(event.request, job ? Result<JobId>(event.job) : job.error());
  if (!job || (*job)->search->paused == event.pause) return;
  if (event.pause) {
    draft.mutate(SearchPaused{.job = event.job, .at = draft.now, .user = event.user});
  } else {
    draft.mutate(SearchResumed{.job = event.job, .at = draft.now});
  }
}

void decide_extend(Draft& draft, const ExtendSearch& event) {
  const auto job = changeable(draft.state, event.job);
  auto change = job ? extended(**job, event) : Result<SearchExtended>(job.error());
  draft.reply(event.request, change ? Result<JobId>(event.job) : change.error());
  if (!change) return;
  change->at = draft.now;
  draft.mutate(*std::move(change));
}

}  // namespace dl::coordinator
