// Jobs side by side: what each found, what it spent, and how fast it got there.

#pragma once

#include <boost/json/value.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cmd/dlctl/results/search_results.h"
#include "cmd/dlctl/terminal/curve.h"
#include "cmd/dlctl/terminal/table.h"

namespace dl::dlctl {

// A search, or a job without one, whose single run counts as a trial.
struct ComparedJob {
  v1::Job job;
  std::optional<SearchResults> results;
  std::optional<double> best;  // Of the metric that all are compared by.
  std::uint32_t best_trial = 0;
  Assignment values;  // Of the best trial.
  std::vector<scheduler::Course> courses;
  std::uint32_t trials = 0;
  std::string unit;            // What resource is counted in: "epochs".
  std::uint64_t resource = 0;  // Of all trials together.
  Duration compute{0};         // Run time of all trials, times the slots each held.
  std::string slots;           // "GPU" or "CPU".
  Duration time{0};            // From the first start to the end, or until now.
};

struct Comparison {
  Objective objective;
  std::vector<ComparedJob> jobs;
};

// `jobs` as resolve_job gives them. The objective is that of the first search among them, else the
// metric by which its first job is judged. kFailedPrecondition: they have none in common.
Result<Comparison> load_comparison(Client& client, std::span<const std::string> jobs,
                                   Timestamp now);

// A column a job, then the best so far of all of them over `spending`.
std::string render_comparison(const Comparison& comparison, scheduler::Spending spending,
                              const TableOptions& options);

boost::json::value to_document(const Comparison& comparison);

// "spent", "value" and "trial" of each step.
boost::json::value to_document(std::span<const scheduler::Best> steps);

// Of the best so far, for curve(): a point before each step keeps the height.
std::vector<CurvePoint> stairs_of(std::span<const scheduler::Best> steps);

boost::json::value to_json(const ParameterValue& value);

}  // namespace dl::dlctl
