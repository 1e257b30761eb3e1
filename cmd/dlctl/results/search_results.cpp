#include "cmd/dlctl/results/search_results.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "cmd/dlctl/view/job_text.h"
#include "model/spec/parse.h"
#include "scheduler/search/analysis/front.h"

namespace dl::dlctl {
namespace {

// Enough for a picture, and a thousand trials of it fit into one answer.
constexpr std::uint32_t kPointsMax = 200;

std::string list_text(const google::protobuf::ListValue& list) {
  std::string text;
  for (const auto& value : list.values()) {
    text +=
        (text.empty() ? "" : ", ") +
        (value.has_string_value() ? value.string_value() : short_number(value.number_value(), 17));
  }
  return "[" + text + "]";
}

// JSON has one kind of number; the domain says which it is.
ParameterValue value_of(const google::protobuf::Value& value, const Parameter* parameter) {
  if (value.has_bool_value()) return value.bool_value();
  if (value.has_string_value()) return value.string_value();
  if (value.has_list_value()) return list_text(value.list_value());
  const double number = value.number_value();
  const bool whole = number == std::floor(number) && std::abs(number) < 1e15;
  ParameterValue written = number;
  if (whole) written = static_cast<std::int64_t>(number);
  return parameter == nullptr ? written : fitted(parameter->domain, written).value_or(written);
}

Assignment values_of(const v1::SearchTrial& trial, const Parameters& parameters) {
  Assignment values;
  for (const auto& [name, value] : trial.parameters().fields()) {
    const auto parameter = std::find_if(parameters.begin(), parameters.end(),
                                        [&](const Parameter& p) { return p.name == name; });
    values[name] = value_of(value, parameter == parameters.end() ? nullptr : &*parameter);
  }
  return values;
}

// What a trial repeated after a restart counts as it was the last time.
void append(std::vector<v1::MetricPoint>& points, const v1::MetricSeries& series) {
  for (const auto& point : series.points()) {
    while (!points.empty() && points.back().step() >= point.step()) points.pop_back();
    points.push_back(point);
  }
}

// Metrics come by training step; what a search counts in is the same share of what the trial has
// done. Reports are counted.
scheduler::Course course_of(const TrialResult& trial, const std::vector<v1::MetricPoint>& points,
                            const std::string& resource, Timestamp begin) {
  scheduler::Course course{.number = trial.trial.number(), .from = trial.trial.from()};
  if (points.empty()) return course;
  const auto last = static_cast<double>(points.back().step());
  const auto done = static_cast<double>(trial.trial.resource());
  for (const auto& point : points) {
    const auto step = static_cast<double>(point.step());
    const auto nth = static_cast<double>(course.reports.size() + 1);
    double units = nth;
    if (resource == "steps") units = step;
    if (resource == "epochs" && last > 0 && done > 0) units = step * done / last;
    // Of many reports not all were fetched.
    if (resource == "reports" && done > 0) units = nth * done / static_cast<double>(points.size());
    const auto since = time_of(point.time()) - begin;
    course.reports.push_back({.resource = static_cast<std::uint64_t>(std::llround(units)),
                              .seconds = std::chrono::duration<double>(since).count(),
                              .value = point.value()});
  }
  return course;
}

std::vector<scheduler::Course> courses_of(const SearchResults& results,
                                          const v1::ListMetricsResponse& metrics) {
  std::map<std::uint32_t, std::vector<v1::MetricPoint>> points;
  for (const auto& series : metrics.series()) {
    if (series.name() == results.objectives().front().metric)
      append(points[series.trial()], series);
  }
  std::vector<scheduler::Course> courses;
  for (const TrialResult& trial : results.trials) {
    courses.push_back(course_of(trial, points[trial.trial.number()],
                                results.search().halving.resource,
                                time_of(results.job.start_time())));
  }
  return courses;
}

}  // namespace

std::optional<double> TrialResult::objective(std::size_t index) const {
  if (index >= static_cast<std::size_t>(trial.objectives_size())) return std::nullopt;
  const double value = trial.objectives(static_cast<int>(index));
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

const TrialResult* SearchResults::find(std::uint32_t number) const {
  const auto found = std::find_if(trials.begin(), trials.end(), [&](const TrialResult& trial) {
    return trial.trial.number() == number;
  });
  return found == trials.end() ? nullptr : &*found;
}

std::vector<const TrialResult*> SearchResults::best() const {
  std::vector<const TrialResult*> best;
  for (const TrialResult& trial : trials) {
    if (trial.best) best.push_back(&trial);
  }
  return best;
}

std::vector<double> SearchResults::losses(const TrialResult& trial) const {
  std::vector<double> losses;
  for (std::size_t k = 0; k < objectives().size(); ++k) {
    const auto value = trial.objective(k);
    const double sign = objectives()[k].maximizes() ? -1 : 1;
    losses.push_back(value ? sign * *value : std::numeric_limits<double>::infinity());
  }
  return losses;
}

Result<SearchResults> make_results(v1::Job job, v1::ListTrialsResponse listed,
                                   const v1::ListMetricsResponse& metrics) {
  SearchResults results{.job = std::move(job), .status = std::move(*listed.mutable_search())};
  auto parsed = spec::parse(results.job.spec());
  if (!parsed.spec || !parsed.spec->search) {
    return internal("the coordinator's spec of job " + std::to_string(results.job.id()) +
                    " is not a search to this dlctl; `dlctl version` says whether they fit");
  }
  results.spec = *std::move(parsed.spec);
  for (auto& trial : *listed.mutable_trials()) {
    const bool best = std::find(results.status.best().begin(), results.status.best().end(),
                                trial.number()) != results.status.best().end();
    Assignment values = values_of(trial, results.search().parameters);
    results.trials.push_back(
        {.trial = std::move(trial), .values = std::move(values), .best = best});
  }
  results.courses = courses_of(results, metrics);
  return results;
}

Result<SearchResults> load_results(Client& client, const std::string& job, WithCourses courses) {
  DL_TRY(v1::ListTrialsResponse listed, client.list_trials(job));
  DL_TRY(v1::Job found, client.get_job(std::to_string(listed.job())));
  v1::ListMetricsResponse metrics;
  if (courses == WithCourses::kYes) {
    v1::ListMetricsRequest request;
    request.set_job(std::to_string(listed.job()));
    if (listed.search().objectives_size() > 0)
      request.set_name(listed.search().objectives(0).metric());
    request.set_points_max(kPointsMax);
    DL_TRY(metrics, client.list_metrics(request));
  }
  return make_results(std::move(found), std::move(listed), metrics);
}

ImportanceReport importance_of(const SearchResults& results) {
  const scheduler::Comparable comparable = scheduler::comparable_values(results.courses);
  std::vector<scheduler::ScoredTrial> scored;
  for (const auto& [number, value] : comparable.values) {
    if (const TrialResult* trial = results.find(number)) scored.push_back({trial->values, value});
  }
  return {.parameters = scheduler::parameter_importance(results.search().parameters, scored),
          .resource = comparable.resource,
          .trials = scored.size()};
}

double hypervolume_of(const SearchResults& results) {
  std::vector<scheduler::Losses> losses;
  for (const TrialResult& trial : results.trials) losses.push_back(results.losses(trial));
  return scheduler::hypervolume(losses, scheduler::worst_of(losses));
}

}  // namespace dl::dlctl
