#include "daemon/coordinator/decide/objectives.h"

#include <algorithm>
#include <cmath>

namespace dl::coordinator {
namespace {

constexpr std::size_t kNamesShown = 20;

bool is_of_validation(std::string_view metric) { return metric.starts_with("validation."); }

bool has_validation(const std::vector<MetricPoint>& metrics) {
  return std::any_of(metrics.begin(), metrics.end(),
                     [](const MetricPoint& point) { return is_of_validation(point.name); });
}

using Values = std::map<std::string, double>;  // By metric.

// What the report has of the objectives.
struct Found {
  Values values;
  std::uint64_t step = 0;
};

Found objectives_in(const SearchSpec& search, const TaskReport& event) {
  Found found;
  for (const MetricPoint& point : event.metrics) {
    const bool wanted =
        std::any_of(search.objectives.begin(), search.objectives.end(),
                    [&](const Objective& objective) { return objective.metric == point.name; });
    if (!wanted) continue;
    found.values[point.name] = point.value;
    found.step = std::max(found.step, point.step);
  }
  return found;
}

// How far the trial is by its search's account; absent where that was measured already.
std::optional<std::uint64_t> resource_of(const std::string& unit, const Trial& trial,
                                         const Progress& progress, std::uint64_t step) {
  const Measured last = trial.measured.value_or(Measured{});
  if (unit == "epochs" && (progress.epochs > 0 || progress.epoch > 0)) {
    if (progress.epoch > last.resource) return progress.epoch;
    // A run may end within an epoch.
    const bool at_end = progress.steps > 0 && progress.step >= progress.steps;
    return at_end && step > last.step ? std::optional(last.resource + 1) : std::nullopt;
  }
  if (unit == "steps" && step > 0) return step > last.resource ? std::optional(step) : std::nullopt;
  // By reports. What comes again after a restart is known by its step.
  if (step > 0 && step <= last.step) return std::nullopt;
  return last.resource + 1;
}

// The first objective that is in none of them.
const std::string* missing_objective(const SearchSpec& search,
                                     std::initializer_list<const Values*> reported) {
  for (const Objective& objective : search.objectives) {
    const bool known = std::any_of(reported.begin(), reported.end(), [&](const Values* values) {
      return values->contains(objective.metric);
    });
    if (!known) return &objective.metric;
  }
  return nullptr;
}

// Whether the trial would have reported `metric` by now.
bool is_overdue(const JobSpec& spec, const Trial& trial, const TaskReport& event,
                const std::string& metric) {
  const Progress& progress = event.progress ? *event.progress : trial.progress;
  const bool went_on = progress.epoch > trial.progress.epoch || progress.step > trial.progress.step;
  if (!spec.is_builtin()) {
    // The first of a gang speaks for it; others may be ahead of it. What a program has to say of an
    // epoch may come in several reports.
    const Task* task = find_task(*trial.attempt, event.task);
    return task->rank == 0 && trial.progress.epoch >= 1 && went_on;
  }
  if (is_of_validation(metric)) return has_validation(event.metrics);
  // Some come after the evaluation of the epoch, all of them before the next step.
  const bool evaluated =
      std::any_of(trial.metrics.begin(), trial.metrics.end(),
                  [](const auto& entry) { return is_of_validation(entry.first); });
  return evaluated && went_on;
}

Failure never_reported(const Job& job, const Trial& trial, const std::string& metric,
                       std::set<std::string> names) {
  for (const auto& [name, value] : trial.metrics) names.insert(name);
  std::string seen;
  std::size_t shown = 0;
  for (const auto& name : names) {
    if (++shown > kNamesShown) break;
    seen += (seen.empty() ? "" : ", ") + name;
  }
  if (names.size() > kNamesShown)
    seen += " and " + std::to_string(names.size() - kNamesShown) + " more";
  return {
      .kind = FailureKind::kSpec,
      .task = {},
      .message = "trial " + to_string(TrialId{job.id, trial.number}) +
                 " was evaluated without the objective " + metric +
                 (seen.empty() ? ": it reported no metric at all; have the program report it"
                               : "; it reported " + seen + ": make search.metric one of these")};
}

void fail_if_overdue(Draft& draft, const Job& job, const Trial& trial, const TaskReport& event,
                     const Found& found) {
  const JobSpec& spec = *job.document.parsed;
  const std::string* metric = missing_objective(*spec.search, {&trial.metrics, &found.values});
  if (metric == nullptr || !is_overdue(spec, trial, event, *metric)) return;
  std::set<std::string> names;
  for (const MetricPoint& point : event.metrics) names.insert(point.name);
  stop_attempt(draft, event.task.attempt, StopReason::kFailed,
               never_reported(job, trial, *metric, std::move(names)));
}

Measured in_order(const SearchSpec& search, const Incomplete& all, std::uint64_t step) {
  Measured measured{.resource = all.resource, .step = step, .values = {}};
  for (const Objective& objective : search.objectives)
    measured.values.push_back(all.values.at(objective.metric));
  return measured;
}

}  // namespace

void measure(Draft& draft, const TaskReport& event) {
  const Job& job = *find_job(draft.state, event.task.attempt.job);
  const TrialId id = event.task.attempt.trial_id();
  const Trial& trial = job.trials.at(id.trial);
  if (!job.search || trial.verdict != TrialVerdict::kGoOn) return;
  const SearchSpec& search = *job.document.parsed->search;
  const Found found = objectives_in(search, event);
  fail_if_overdue(draft, job, trial, event, found);
  if (found.values.empty()) return;
  const Progress& progress = event.progress ? *event.progress : trial.progress;
  const std::uint64_t step = std::max(found.step, progress.step);
  const auto resource = resource_of(search.halving.resource, trial, progress, step);
  if (!resource) return;
  Incomplete all{.resource = *resource, .values = {}};
  if (trial.incomplete && trial.incomplete->resource == *resource) all = *trial.incomplete;
  for (const auto& [name, value] : found.values) all.values[name] = value;
  if (all.values.size() < search.objectives.size()) {
    draft.mutate(ObjectivesIncomplete{.trial = id, .incomplete = std::move(all)});
  } else {
    draft.mutate(
        TrialMeasured{.trial = id, .at = draft.now, .measured = in_order(search, all, found.step)});
  }
}

std::optional<Failure> unjudgeable(const Job& job, const Trial& trial) {
  if (!job.search) return std::nullopt;
  const SearchSpec& search = *job.document.parsed->search;
  if (!trial.measured) {
    const std::string* metric = missing_objective(search, {&trial.metrics});
    return never_reported(job, trial, metric ? *metric : search.objectives.front().metric, {});
  }
  for (std::size_t i = 0; i < search.objectives.size(); ++i) {
    if (std::isfinite(trial.measured->values[i])) continue;
    return Failure{.kind = FailureKind::kUserCode,
                   .task = {},
                   .message = "trial " + to_string(TrialId{job.id, trial.number}) + " ended with " +
                              search.objectives[i].metric + " " +
                              dl::to_string(ParameterValue(trial.measured->values[i])) +
                              ", by which it cannot be compared"};
  }
  return std::nullopt;
}

}  // namespace dl::coordinator
