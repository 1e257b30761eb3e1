// SearchResults is what a search gave, as dlctl fetched it: its trials with the values they tried,
// and the courses of its objectives.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/dlctl/client/client.h"
#include "dl/v1/search.pb.h"
#include "model/job_spec.h"
#include "scheduler/search/analysis/course.h"
#include "scheduler/search/analysis/importance.h"

namespace dl::dlctl {

struct TrialResult {
  v1::SearchTrial trial;
  Assignment values;
  bool best = false;  // None is better; with one objective only one trial is it.

  // The objective as it last reported it; nullopt before, or if it is not finite.
  std::optional<double> objective(std::size_t index) const;
};

struct SearchResults {
  v1::Job job;
  v1::SearchStatus status;
  JobSpec spec;                     // With its search.
  std::vector<TrialResult> trials;  // By number.
  std::vector<scheduler::Course>
      courses;  // Of the first objective, by trial; empty unless asked for.

  const SearchSpec& search() const { return *spec.search; }
  const std::vector<Objective>& objectives() const { return spec.search->objectives; }
  const TrialResult* find(std::uint32_t number) const;
  // The best trials, by number: one, or the Pareto front; none before the first result. While the
  // search goes on a trial that is not over may be one.
  std::vector<const TrialResult*> best() const;
  // Losses of all objectives: less is better, infinite where one is missing.
  std::vector<double> losses(const TrialResult& trial) const;
};

// `job` as resolve_job gives it. kFailedPrecondition: it is no search. The courses cost one more
// call.
enum class WithCourses : bool { kNo, kYes };
Result<SearchResults> load_results(Client& client, const std::string& job, WithCourses courses);

// As above, of messages that are there. `metrics` may have other metrics and other trials too.
Result<SearchResults> make_results(v1::Job job, v1::ListTrialsResponse listed,
                                   const v1::ListMetricsResponse& metrics);

// How much each parameter mattered for the first objective, and over which trials that was judged.
struct ImportanceReport {
  std::vector<scheduler::Importance> parameters;
  std::uint64_t resource = 0;
  std::size_t trials = 0;
};
ImportanceReport importance_of(const SearchResults& results);

// Of the trials whose objectives are all known, by loss from the worst of them; with two objectives
// or more.
double hypervolume_of(const SearchResults& results);

}  // namespace dl::dlctl
