#include "scheduler/search/analysis/forecast.h"

#include <algorithm>
#include <memory>
#include <queue>
#include <set>

#include "scheduler/search/random_stream.h"
#include "scheduler/search/schedule/rung.h"
#include "scheduler/search/schedule/schedule.h"
#include "scheduler/search/searcher.h"

namespace dl::scheduler {
namespace {

constexpr std::uint64_t kRuns = 20;
constexpr std::uint64_t kReportsMax = 300'000;  // Of all runs together.
constexpr std::uint32_t kTrialsSimulatedMax = 10'000;
constexpr std::uint64_t kReportsPerTrial = 32;  // Beside those at rungs.

// Algorithms that say when a trial stops, not only what it tries.
bool is_schedule(const std::string& algorithm) {
  static const std::set<std::string> kSchedules = {"asha", "hyperband", "successive_halving",
                                                   "pbt"};
  return kSchedules.contains(algorithm);
}

// The search with its schedule alone: values do not matter, so there is one parameter.
SearchSpec schedule_of(const SearchSpec& search, std::uint64_t trials, std::uint64_t whole) {
  SearchSpec spec = search;
  if (spec.algorithm == "bohb") spec.algorithm = "hyperband";
  if (!is_schedule(spec.algorithm)) spec.algorithm = "random";
  spec.parameters = {{.name = "x", .domain = Range{.low = 0, .high = 1}}};
  spec.max_trials =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(trials, kTrialsSimulatedMax));
  spec.halving.max_resource = whole;
  return spec;
}

bool has_rungs(const SearchSpec& spec) {
  return (is_schedule(spec.algorithm) && spec.algorithm != "pbt") ||
         spec.early_stopping.rule == "asha";
}

// Where trials report: at every rung, and evenly between.
std::vector<std::uint64_t> reports_of(const SearchSpec& spec) {
  const std::uint64_t whole = spec.halving.max_resource;
  std::set<std::uint64_t> at = {whole};
  for (const std::uint64_t rung : rung_resources(spec.halving, 0)) at.insert(rung);
  if (spec.algorithm == "pbt") {
    const std::uint64_t step = std::max(spec.pbt.interval, whole / kReportsPerTrial);
    for (std::uint64_t r = step; r < whole; r += step) at.insert(r);
  } else if (spec.algorithm == "random" && spec.early_stopping.rule != "none") {
    const std::uint64_t step = std::max<std::uint64_t>(1, whole / kReportsPerTrial);
    for (std::uint64_t r = step; r < whole; r += step) at.insert(r);
  }
  return {at.begin(), at.end()};
}

struct Run {
  std::vector<std::uint64_t> reached;  // By trial: how far it trained.
  double resource = 0;
  double span = 0;
};

// One run of a search in virtual time, where a unit of resource takes a unit of time.
class Simulation {
 public:
  Simulation(const SearchSpec& spec, const std::vector<std::uint64_t>& reports, std::uint64_t seed)
      : reports_(reports),
        trials_max_(spec.max_trials),
        places_(spec.max_parallel),
        space_(spec.parameters),
        schedule_(make_schedule(spec, space_)),
        random_(seed, 0) {}

  Run run() {
    fill();
    while (!reports_due_.empty()) {
      const auto [time, number] = reports_due_.top();
      reports_due_.pop();
      now_ = time;
      report(number);
      fill();
    }
    run_.span = static_cast<double>(now_);
    return std::move(run_);
  }

 private:
  struct Progress {
    Trial trial;
    double quality = 0;    // The loss at the end.
    std::size_t next = 0;  // Of reports_.
    std::uint64_t done = 0;
  };
  // What is due first, and of that the trial that began first.
  using Due = std::pair<std::uint64_t, TrialNumber>;

  void fill() {
    while (training_ < places_) {
      Next next = schedule_->next(trials_.size() < trials_max_);
      if (next.kind == Next::Kind::kStart) {
        begin(next.assignment.value_or(StartTrial{}));
      } else if (next.kind == Next::Kind::kResume) {
        schedule_->resumed(next.number);
        train(next.number);
      } else {
        return;
      }
    }
  }

  void begin(const StartTrial& start) {
    const auto number = static_cast<TrialNumber>(trials_.size() + 1);
    Progress progress{
        .trial = {.number = number, .assignment = start.assignment, .from = start.from},
        .quality = random_.uniform()};
    if (start.from != 0) {
      // From its parent's checkpoint; of one at its end the last stretch is trained again.
      progress.next = std::min(trials_[start.from - 1].next, reports_.size() - 1);
      progress.done = progress.next == 0 ? 0 : reports_[progress.next - 1];
    }
    schedule_->started(progress.trial);
    run_.reached.push_back(progress.done);
    trials_.push_back(std::move(progress));
    train(number);
  }

  // On to its next report.
  void train(TrialNumber number) {
    const Progress& progress = trials_[number - 1];
    ++training_;
    reports_due_.push({now_ + reports_[progress.next] - progress.done, number});
  }

  void report(TrialNumber number) {
    --training_;
    Progress& progress = trials_[number - 1];
    const std::uint64_t resource = reports_[progress.next++];
    run_.resource += static_cast<double>(resource - progress.done);
    progress.done = run_.reached[number - 1] = resource;
    const double loss = progress.quality + 1 / (1 + static_cast<double>(resource));
    progress.trial.reports.push_back({.resource = resource, .values = {loss}});
    const Verdict verdict = schedule_->reported(progress.trial, resource, loss);
    if (verdict.action != Verdict::Action::kContinue) return;
    if (progress.next < reports_.size()) return train(number);
    schedule_->ended(progress.trial, true, loss);
  }

  const std::vector<std::uint64_t>& reports_;
  std::size_t trials_max_;
  std::size_t places_;
  UnitSpace space_;
  std::unique_ptr<Schedule> schedule_;
  RandomStream random_;
  std::uint64_t now_ = 0;
  std::size_t training_ = 0;
  std::vector<Progress> trials_;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> reports_due_;
  Run run_;
};

Estimate estimate_of(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  double sum = 0;
  for (const double value : values) sum += value;
  return {.mean = sum / static_cast<double>(values.size()), .low = *low, .high = *high};
}

template <class Value>
Estimate estimate_over(const std::vector<Run>& runs, double scale, Value value) {
  std::vector<double> values;
  for (const Run& run : runs) values.push_back(scale * value(run));
  return estimate_of(values);
}

double reached_by(const Run& run, std::uint64_t resource) {
  return static_cast<double>(std::count_if(run.reached.begin(), run.reached.end(),
                                           [&](auto reached) { return reached >= resource; }));
}

}  // namespace

std::uint64_t whole_trial(const JobSpec& job) {
  const HalvingSpec& halving = job.search->halving;
  if (halving.max_resource > 0 || !job.model) return halving.max_resource;
  if (halving.resource == "epochs") return job.train.epochs;
  return halving.resource == "steps" ? job.train.max_steps : 0;
}

Forecast forecast(const JobSpec& job) {
  const SearchSpec& search = *job.search;
  Forecast result{.trials = search.max_trials, .whole = whole_trial(job)};
  if (search.algorithm == "grid") {
    const std::uint64_t points = count_grid(search.parameters);
    result.trials = result.trials == 0 ? points : std::min(result.trials, points);
  }
  const std::uint64_t whole = std::max<std::uint64_t>(1, result.whole);
  SearchSpec spec = schedule_of(search, result.trials, whole);
  const auto reports = reports_of(spec);
  const double scale = static_cast<double>(result.trials) / std::max(1U, spec.max_trials);
  const std::uint64_t runs_max =
      kReportsMax / (std::uint64_t{spec.max_trials} * reports.size() + 1);
  std::vector<Run> runs;
  for (std::uint64_t seed = 1; seed <= std::clamp<std::uint64_t>(runs_max, 1, kRuns); ++seed) {
    spec.seed = seed;
    runs.push_back(Simulation(spec, reports, seed).run());
  }
  for (const std::uint64_t rung :
       has_rungs(spec) ? rung_resources(spec.halving, 0) : std::vector<std::uint64_t>{whole}) {
    result.rungs.push_back(
        {rung, estimate_over(runs, scale, [&](const Run& run) { return reached_by(run, rung); })});
  }
  result.resource = estimate_over(runs, scale, [](const Run& run) { return run.resource; });
  result.span = estimate_over(runs, scale, [](const Run& run) { return run.span; });
  const auto trials = static_cast<double>(result.trials);
  const auto rounds = (result.trials + search.max_parallel - 1) / search.max_parallel;
  result.resource_of_all = trials * static_cast<double>(whole);
  result.span_of_all = static_cast<double>(rounds * whole);
  return result;
}

std::vector<Assignment> first_suggestions(const JobSpec& job, std::size_t count) {
  SearchSpec spec = *job.search;
  spec.halving.max_resource = std::max<std::uint64_t>(1, whole_trial(job));
  Searcher searcher(std::move(spec));
  std::vector<Assignment> first;
  while (first.size() < count) {
    const Suggestion suggestion = searcher.suggest();
    const auto* start = std::get_if<StartTrial>(&suggestion);
    if (start == nullptr) break;
    first.push_back(start->assignment);
    searcher.started({static_cast<TrialNumber>(first.size()), start->assignment});
  }
  return first;
}

}  // namespace dl::scheduler
