#include "scheduler/search/searcher.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/assert.h"
#include "scheduler/search/judged.h"
#include "scheduler/search/sampler/sampler.h"
#include "scheduler/search/sampler/simple.h"
#include "scheduler/search/schedule/schedule.h"

namespace dl::scheduler {
namespace {

// Points that are asked of the sampler, and then drawn at random, before a search gives up.
constexpr std::uint32_t kSamplerAttempts = 64;
constexpr std::uint32_t kAttempts = 20'000;

std::string trials_text(std::uint64_t count) {
  return std::to_string(count) + (count == 1 ? " trial" : " trials");
}

}  // namespace

struct Searcher::Parts {
  explicit Parts(SearchSpec s)
      : spec(std::move(s)),
        space(spec.parameters, spec.constraints),
        sampler(make_sampler(spec, space)),
        schedule(make_schedule(spec, space)),
        judged(spec, space),
        first(first_points(spec)) {}

  Trial& at(TrialNumber number) {
    DL_ASSERT(number >= 1 && number <= trials.size(), "events speak of trials that started");
    return trials[number - 1];
  }

  bool any_running() const {
    return std::any_of(trials.begin(), trials.end(),
                       [](const Trial& trial) { return trial.state == TrialState::kRunning; });
  }

  Suggestion suggest();
  std::optional<SearchOver> over() const;
  std::optional<Assignment> sampled();
  void ended(Trial& trial, bool succeeded);

  SearchSpec spec;
  UnitSpace space;
  std::unique_ptr<Sampler> sampler;
  std::unique_ptr<Schedule> schedule;
  Judged judged;
  std::vector<Assignment> first;
  std::vector<Trial> trials;
  std::optional<Suggestion> memo;  // Of suggest(), until the next event.
  std::uint32_t failed = 0;
  bool reached_target = false;
  double best = std::numeric_limits<double>::infinity();  // Loss of those that ended.
  std::uint32_t since_best = 0;
};

std::optional<SearchOver> Searcher::Parts::over() const {
  if (failed > spec.max_failed_trials) {
    return SearchOver{.why = trials_text(failed) + " failed, more than max_failed_trials allows",
                      .failed = true};
  }
  if (reached_target) return SearchOver{.why = "a trial reached the target"};
  if (spec.stop.trials_without_gain > 0 && since_best >= spec.stop.trials_without_gain)
    return SearchOver{.why = trials_text(since_best) + " ended without a gain"};
  return std::nullopt;
}

Suggestion Searcher::Parts::suggest() {
  if (auto end = over()) return *std::move(end);
  const std::size_t counted = trials.size() - failed;
  const bool may_start = counted < spec.max_trials || spec.max_trials == 0;
  Next next = schedule->next(may_start);
  switch (next.kind) {
    case Next::Kind::kResume: return ResumeTrial{next.number};
    case Next::Kind::kWait: return WaitForTrials{};
    case Next::Kind::kNothing:
      // One that fails will be replaced.
      if (any_running()) return WaitForTrials{};
      return SearchOver{.why = trials_text(counted) + " have been tried"};
    case Next::Kind::kStart: break;
  }
  if (next.assignment) return *std::move(next.assignment);
  if (auto assignment = sampled()) return StartTrial{.assignment = *std::move(assignment)};
  if (spec.algorithm == "grid") {
    if (any_running()) return WaitForTrials{};
    return SearchOver{.why = "all points of the grid have been tried"};
  }
  return SearchOver{.why = "no values that meet the constraints were found in " +
                           std::to_string(kAttempts) + " draws",
                    .failed = true};
}

std::optional<Assignment> Searcher::Parts::sampled() {
  const auto number = static_cast<TrialNumber>(trials.size() + 1);
  static const Observations kNone;
  const Observations& observations = sampler->learns() ? judged.observations(trials) : kNone;
  Random random(spec.seed, space);
  for (std::uint32_t attempt = 0; attempt < kAttempts; ++attempt) {
    Sampler& chosen = attempt < kSamplerAttempts ? *sampler : random;
    auto point = chosen.sample(observations, number, attempt);
    if (!point) return std::nullopt;
    if (number <= first.size()) {
      const Point given = space.to_point(first[number - 1]);
      for (std::size_t i = 0; i < space.size(); ++i) {
        if (!std::isnan(given[i])) (*point)[i] = given[i];
      }
      *point = space.completed(*point);
    }
    if (space.meets_constraints(*point)) return space.to_assignment(*point);
  }
  return std::nullopt;
}

void Searcher::Parts::ended(Trial& trial, bool succeeded) {
  const std::optional<double> value = value_of(trial);
  succeeded = succeeded && value.has_value();
  const double loss = judged.loss_of(trial);
  schedule->ended(trial, succeeded, loss);
  trial.state = succeeded ? TrialState::kEnded : TrialState::kFailed;
  judged.ended(trial);
  if (!succeeded) {
    ++failed;
    return;
  }
  since_best = loss < best ? 0 : since_best + 1;
  best = std::min(best, loss);
}

Searcher::Searcher(SearchSpec spec) : parts_(std::make_unique<Parts>(std::move(spec))) {}
Searcher::~Searcher() = default;
Searcher::Searcher(Searcher&&) noexcept = default;
Searcher& Searcher::operator=(Searcher&&) noexcept = default;

Suggestion Searcher::suggest() const {
  if (!parts_->memo) parts_->memo = parts_->suggest();
  return *parts_->memo;
}

void Searcher::started(const TrialStarted& event) {
  parts_->memo.reset();
  DL_ASSERT(event.number == parts_->trials.size() + 1, "trials are numbered in order of start");
  parts_->trials.push_back(
      {.number = event.number, .assignment = event.assignment, .from = event.from});
  parts_->judged.started(parts_->trials.back());
  parts_->schedule->started(parts_->trials.back());
}

void Searcher::resumed(const TrialResumed& event) {
  parts_->memo.reset();
  Trial& trial = parts_->at(event.number);
  if (trial.state != TrialState::kPaused) return;
  trial.state = TrialState::kRunning;
  trial.why.clear();
  parts_->judged.started(trial);
  parts_->schedule->resumed(event.number);
}

Verdict Searcher::reported(const TrialReported& event) {
  parts_->memo.reset();
  Trial& trial = parts_->at(event.number);
  if (trial.state != TrialState::kRunning) return {};
  trial.reports.push_back(event.measurement);
  const double loss = parts_->judged.loss_of(trial);
  const auto& target = parts_->spec.stop.target;
  const double sign = parts_->spec.objectives.front().maximizes() ? -1 : 1;
  if (target && loss <= sign * *target) parts_->reached_target = true;
  Verdict verdict = parts_->schedule->reported(trial, event.measurement.resource, loss);
  if (verdict.action == Verdict::Action::kPause) trial.state = TrialState::kPaused;
  if (verdict.action == Verdict::Action::kStop) trial.state = TrialState::kStopped;
  if (verdict.action != Verdict::Action::kContinue) {
    trial.why = verdict.why;
    parts_->judged.interrupted(trial);
  }
  return verdict;
}

void Searcher::ended(const TrialEnded& event) {
  parts_->memo.reset();
  Trial& trial = parts_->at(event.number);
  const bool lost = trial.state == TrialState::kPaused && !event.succeeded;
  if (trial.state == TrialState::kRunning || lost) parts_->ended(trial, event.succeeded);
}

void Searcher::tell(const SearchEvent& event) {
  if (const auto* start = std::get_if<TrialStarted>(&event)) started(*start);
  if (const auto* resume = std::get_if<TrialResumed>(&event)) resumed(*resume);
  if (const auto* report = std::get_if<TrialReported>(&event)) reported(*report);
  if (const auto* end = std::get_if<TrialEnded>(&event)) ended(*end);
}

void Searcher::set_max_trials(std::uint32_t max_trials) {
  parts_->memo.reset();
  parts_->spec.max_trials = max_trials;
  parts_->schedule->set_max_trials(max_trials);
}

const SearchSpec& Searcher::spec() const { return parts_->spec; }
const std::vector<Trial>& Searcher::trials() const { return parts_->trials; }

std::optional<double> Searcher::value_of(const Trial& trial, std::size_t objective) {
  if (trial.reports.empty()) return std::nullopt;
  const auto& values = trial.reports.back().values;
  if (objective >= values.size() || !std::isfinite(values[objective])) return std::nullopt;
  return values[objective];
}

std::vector<TrialNumber> Searcher::best(Among among) const {
  const auto competes = [&](const Trial& trial) {
    if (trial.state == TrialState::kEnded) return true;
    if (among == Among::kEnded || trial.state == TrialState::kFailed) return false;
    for (std::size_t k = 0; k < parts_->spec.objectives.size(); ++k) {
      if (!value_of(trial, k)) return false;
    }
    return true;
  };
  std::vector<TrialNumber> numbers;
  std::vector<std::vector<double>> losses;
  for (const Trial& trial : parts_->trials) {
    if (!competes(trial)) continue;
    numbers.push_back(trial.number);
    losses.push_back(parts_->judged.losses_of(trial));
  }
  if (numbers.empty()) return {};
  if (parts_->spec.objectives.size() == 1)
    return {numbers[static_cast<std::size_t>(std::min_element(losses.begin(), losses.end()) -
                                             losses.begin())]};
  std::vector<TrialNumber> front;
  const auto fronts = pareto_fronts(losses);
  for (const std::uint32_t i : fronts.front()) front.push_back(numbers[i]);
  std::sort(front.begin(), front.end());
  return front;
}

Searcher rebuild(SearchSpec spec, std::span<const SearchEvent> events) {
  Searcher searcher(std::move(spec));
  for (const SearchEvent& event : events) searcher.tell(event);
  return searcher;
}

}  // namespace dl::scheduler
