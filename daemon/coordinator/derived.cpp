#include "daemon/coordinator/derived.h"

#include "base/assert.h"
#include "model/spec/assignment.h"

namespace dl::coordinator {
namespace {

void tell(scheduler::Searcher& searcher, const Job& job, const SearchStep& step) {
  switch (step.kind) {
    case SearchStepKind::kStarted: {
      const Trial& trial = job.trials.at(step.number);
      return searcher.started(
          {.number = step.number, .assignment = trial.assignment, .from = trial.from});
    }
    case SearchStepKind::kResumed: return searcher.resumed({step.number});
    case SearchStepKind::kMeasured:
      (void)searcher.reported({step.number, {.resource = step.resource, .values = step.values}});
      return;
    case SearchStepKind::kEnded: return searcher.ended({step.number, true});
    case SearchStepKind::kFailed: return searcher.ended({step.number, false});
    case SearchStepKind::kExtended: return searcher.set_max_trials(step.number);
  }
}

}  // namespace

std::string_view to_string(TrialVerdict verdict) {
  switch (verdict) {
    case TrialVerdict::kGoOn: return "go_on";
    case TrialVerdict::kPause: return "pause";
    case TrialVerdict::kStop: return "stop";
  }
  return "go_on";
}

std::string_view to_string(SearchStepKind kind) {
  switch (kind) {
    case SearchStepKind::kStarted: return "started";
    case SearchStepKind::kResumed: return "resumed";
    case SearchStepKind::kMeasured: return "measured";
    case SearchStepKind::kEnded: return "ended";
    case SearchStepKind::kFailed: return "failed";
    case SearchStepKind::kExtended: return "extended";
  }
  return "started";
}

const Result<JobSpec>& trial_spec(const Job& job, const Trial& trial) {
  return trial.spec.get([&]() -> Result<JobSpec> {
    const JobSpec& document = *job.document.parsed;
    return document.search ? spec::apply_assignment(document, trial.assignment) : document;
  });
}

const JobSpec& spec_of(const Job& job, const Trial& trial) {
  if (!job.search) return *job.document.parsed;
  const Result<JobSpec>& spec = trial_spec(job, trial);
  return spec ? *spec : *job.document.parsed;
}

SearchSpec searcher_spec(const JobSpec& job) {
  DL_ASSERT(job.search.has_value(), "the job has a search");
  SearchSpec search = *job.search;
  HalvingSpec& halving = search.halving;
  if (halving.max_resource == 0 && job.model) {
    if (halving.resource == "epochs") halving.max_resource = job.train.epochs;
    if (halving.resource == "steps") halving.max_resource = job.train.max_steps;
  }
  return search;
}

scheduler::Searcher& searcher_of(const Job& job) {
  return job.search->searcher.get([&] {
    scheduler::Searcher searcher(searcher_spec(*job.document.parsed));
    for (const SearchStep& step : job.search->history) tell(searcher, job, step);
    return searcher;
  });
}

void tell_search(Job& job, SearchStep step) {
  if (scheduler::Searcher* searcher = job.search->searcher.made()) tell(*searcher, job, step);
  job.search->history.push_back(std::move(step));
}

}  // namespace dl::coordinator
