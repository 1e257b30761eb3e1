#include "cmd/dlctl/results/comparison.h"

#include <algorithm>
#include <boost/json.hpp>

#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/view/job_text.h"
#include "model/spec/parse.h"

namespace dl::dlctl {
namespace {

// Slots of one trial: all GPUs of its gang, or all CPUs where it has none.
std::pair<std::uint64_t, std::string> slots_of(const JobSpec& spec) {
  std::uint64_t gpus = 0, cpus = 0;
  for (const RoleSpec& role : spec.roles) {
    gpus += std::uint64_t{role.count} * role.resources.gpus;
    cpus += std::uint64_t{role.count} * role.resources.cpus;
  }
  return gpus > 0 ? std::pair(gpus, std::string("GPU")) : std::pair(cpus, std::string("CPU"));
}

void fill_search(ComparedJob& compared, SearchResults results) {
  const auto [slots, kind] = slots_of(results.spec);
  compared.slots = kind;
  compared.job = results.job;
  compared.unit = results.search().halving.resource;
  compared.courses = results.courses;
  compared.trials = results.status.started();
  compared.resource = scheduler::resource_spent(results.courses);
  for (const TrialResult& trial : results.trials)
    compared.compute += run_time_of(trial.trial) * slots;
  const auto best = results.best();
  // Of a Pareto front the best in the first objective.
  const auto leader = std::min_element(best.begin(), best.end(), [&](const auto* a, const auto* b) {
    return results.losses(*a)[0] < results.losses(*b)[0];
  });
  if (leader != best.end()) {
    compared.best = (*leader)->objective(0);
    compared.best_trial = (*leader)->trial.number();
    compared.values = (*leader)->values;
  }
  compared.results = std::move(results);
}

// A job without a search: its metric is the course of its only trial.
Result<void> fill_plain(ComparedJob& compared, Client& client, const Objective& objective) {
  const auto parsed = spec::parse(compared.job.spec());
  compared.trials = 1;
  compared.unit = "epochs";
  if (compared.job.trials_size() == 0) return {};
  const v1::Trial& trial = compared.job.trials(0);
  const auto metric = trial.metrics().find(objective.metric);
  if (metric != trial.metrics().end()) compared.best = metric->second;
  compared.best_trial = trial.number();
  compared.resource = std::max(trial.progress().epoch(), trial.checkpoint().epoch());
  if (parsed.spec) {
    const auto [slots, kind] = slots_of(*parsed.spec);
    compared.slots = kind;
    compared.compute = compared.time * slots;
  }
  v1::ListMetricsRequest request;
  request.set_job(std::to_string(compared.job.id()));
  request.set_name(objective.metric);
  request.set_points_max(200);
  DL_TRY(const v1::ListMetricsResponse metrics, client.list_metrics(request));
  scheduler::Course& course = compared.courses.emplace_back(scheduler::Course{.number = 1});
  for (const auto& series : metrics.series()) {
    if (series.name() != objective.metric || series.points_size() == 0) continue;
    const auto last = static_cast<double>(series.points(series.points_size() - 1).step());
    for (const auto& point : series.points()) {
      const double part = last > 0 ? static_cast<double>(point.step()) / last : 1;
      const auto since = time_of(point.time()) - time_of(compared.job.start_time());
      course.reports.push_back({.resource = static_cast<std::uint64_t>(
                                    part * static_cast<double>(compared.resource) + 0.5),
                                .seconds = std::chrono::duration<double>(since).count(),
                                .value = point.value()});
    }
  }
  return {};
}

std::string heading(const ComparedJob& compared) {
  return std::to_string(compared.job.id()) + " " + one_line(compared.job.name());
}

// The parameters of all jobs, in the order of the first one that has each.
std::vector<std::string> all_parameters(const Comparison& comparison) {
  std::vector<std::string> names;
  for (const ComparedJob& compared : comparison.jobs) {
    if (!compared.results) continue;
    for (const auto& name : parameter_names(*compared.results)) {
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
  }
  return names;
}

// Whose objective is best; −1 without any.
std::ptrdiff_t winner_of(const Comparison& comparison) {
  std::ptrdiff_t winner = -1;
  for (std::size_t k = 0; k < comparison.jobs.size(); ++k) {
    const auto& best = comparison.jobs[k].best;
    if (!best) continue;
    const auto& record = winner < 0 ? best : comparison.jobs[static_cast<std::size_t>(winner)].best;
    if (winner < 0 || (comparison.objective.maximizes() ? *best > *record : *best < *record))
      winner = static_cast<std::ptrdiff_t>(k);
  }
  return winner;
}

class Rows {
 public:
  explicit Rows(const Comparison& comparison) : comparison_(comparison) {}

  template <class Text>
  void add(Table& table, const std::string& word, Text text, std::ptrdiff_t marked = -1) const {
    std::vector<Cell> cells = {{word, Style::kDim}};
    bool any = false;
    for (std::size_t k = 0; k < comparison_.jobs.size(); ++k) {
      const std::string value = text(comparison_.jobs[k]);
      any = any || !value.empty();
      cells.push_back(
          {value, static_cast<std::ptrdiff_t>(k) == marked ? Style::kGreen : Style::kPlain});
    }
    if (any) table.add_row(std::move(cells));
  }

 private:
  const Comparison& comparison_;
};

std::string figures(const Comparison& comparison, const TableOptions& options) {
  std::vector<Column> columns = {{.header = ""}};
  for (const ComparedJob& compared : comparison.jobs)
    columns.push_back({.header = heading(compared), .right = true, .cut_to = 8});
  Table table(std::move(columns));
  const Rows rows(comparison);
  const auto spent = [](const ComparedJob& job) {
    return job.resource == 0 ? "" : amount_text(job.resource, job.unit);
  };
  rows.add(table, "state", [](const auto& job) { return word_of(job.job.state()); });
  rows.add(table, "algorithm", [](const ComparedJob& job) {
    if (!job.results) return std::string();
    return method_text(job.results->status.algorithm(), job.results->status.early_stopping());
  });
  rows.add(table, "trials", [](const auto& job) { return std::to_string(job.trials); });
  rows.add(
      table, "best " + comparison.objective.metric,
      [](const auto& job) { return job.best ? short_number(*job.best) : ""; },
      winner_of(comparison));
  rows.add(table, "in trial", [](const ComparedJob& job) {
    return job.results && job.best_trial > 0 ? std::to_string(job.best_trial) : std::string();
  });
  rows.add(table, "spent", spent);
  rows.add(table, "compute", [](const ComparedJob& job) {
    return job.compute.count() == 0 ? "" : span(job.compute) + " " + job.slots + " time";
  });
  rows.add(table, "time", [](const auto& job) { return span(job.time); });
  for (const std::string& name : all_parameters(comparison)) {
    rows.add(table, name, [&](const ComparedJob& job) {
      const auto found = job.values.find(name);
      return found == job.values.end() ? "" : value_text(found->second);
    });
  }
  return table.render(options);
}

std::string word_of(scheduler::Spending spending, const Comparison& comparison) {
  if (spending == scheduler::Spending::kTrials) return "trials";
  return spending == scheduler::Spending::kSeconds ? "seconds" : comparison.jobs.front().unit;
}

}  // namespace

std::vector<CurvePoint> stairs_of(std::span<const scheduler::Best> steps) {
  std::vector<CurvePoint> points;
  for (const auto& step : steps) {
    if (!points.empty()) points.push_back({step.spent, points.back().y});
    points.push_back({step.spent, step.value});
  }
  return points;
}

Result<Comparison> load_comparison(Client& client, std::span<const std::string> jobs,
                                   Timestamp now) {
  Comparison comparison;
  for (const std::string& job : jobs) {
    ComparedJob& compared = comparison.jobs.emplace_back();
    auto results = load_results(client, job, WithCourses::kYes);
    if (results) {
      if (comparison.objective.metric.empty()) comparison.objective = results->objectives().front();
      fill_search(compared, *std::move(results));
    } else if (results.error().code == Code::kFailedPrecondition) {
      DL_TRY(compared.job, client.get_job(job));
    } else {
      return results.error();
    }
    if (compared.job.has_start_time()) compared.time = time_in_state(compared.job, now);
  }
  for (const ComparedJob& compared : comparison.jobs) {
    if (!comparison.objective.metric.empty()) break;
    if (const auto metric = best_metric(compared.job))
      comparison.objective = {metric->name,
                              is_lower_better(metric->name) ? "minimize" : "maximize"};
  }
  for (ComparedJob& compared : comparison.jobs) {
    if (!compared.results) DL_CHECK(fill_plain(compared, client, comparison.objective));
    if (compared.results && compared.results->objectives().front() != comparison.objective) {
      return Error{Code::kFailedPrecondition,
                   "job " + std::to_string(compared.job.id()) + " seeks to " +
                       compared.results->objectives().front().goal + " " +
                       compared.results->objectives().front().metric + ", not to " +
                       comparison.objective.goal + " " + comparison.objective.metric +
                       "; compare jobs with one objective"};
    }
  }
  return comparison;
}

std::string render_comparison(const Comparison& comparison, scheduler::Spending spending,
                              const TableOptions& options) {
  std::vector<NamedCurve> lines;
  for (const ComparedJob& compared : comparison.jobs) {
    const auto steps =
        scheduler::best_so_far(compared.courses, spending, comparison.objective.maximizes());
    lines.push_back({heading(compared), stairs_of(steps)});
  }
  const std::size_t width =
      options.terminal.width == 0 ? 80 : std::min<std::size_t>(options.terminal.width, 100);
  const std::string picture = curves(lines, width - 1, 12, options.terminal);
  std::string text = figures(comparison, options);
  if (picture.empty()) return text;
  return text + "\n" +
         styled("best " + one_line(comparison.objective.metric) + " so far, by " +
                    word_of(spending, comparison),
                Style::kBold, options.terminal.color) +
         "\n" + picture;
}

boost::json::value to_json(const ParameterValue& value) {
  return std::visit([](const auto& v) { return boost::json::value(v); }, value);
}

boost::json::value to_document(std::span<const scheduler::Best> steps) {
  boost::json::array items;
  for (const auto& step : steps) {
    items.push_back(
        boost::json::object{{"spent", step.spent}, {"value", step.value}, {"trial", step.number}});
  }
  return items;
}

boost::json::value to_document(const Comparison& comparison) {
  boost::json::array items;
  for (const ComparedJob& compared : comparison.jobs) {
    boost::json::object values;
    for (const auto& [name, value] : compared.values) values[name] = to_json(value);
    boost::json::object item = {
        {"job", std::to_string(compared.job.id())},
        {"name", compared.job.name()},
        {"state", word_of(compared.job.state())},
        {"trials", compared.trials},
        {"best", nullptr},
        {"best_trial", compared.best_trial},
        {"parameters", std::move(values)},
        {"resource", compared.resource},
        {"unit", compared.unit},
        {"compute_seconds", std::chrono::duration<double>(compared.compute).count()},
        {"compute_slots", compared.slots},
        {"seconds", std::chrono::duration<double>(compared.time).count()}};
    if (compared.best) item["best"] = *compared.best;
    if (compared.results) {
      item["algorithm"] = compared.results->status.algorithm();
      item["early_stopping"] = compared.results->status.early_stopping();
    }
    item["best_so_far"] = to_document(scheduler::best_so_far(
        compared.courses, scheduler::Spending::kResource, comparison.objective.maximizes()));
    items.push_back(std::move(item));
  }
  return boost::json::object{{"metric", comparison.objective.metric},
                             {"goal", comparison.objective.goal},
                             {"items", std::move(items)}};
}

}  // namespace dl::dlctl
