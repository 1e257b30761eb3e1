#include "scheduler/search/searcher.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "scheduler/search/random_stream.h"

using namespace dl;
using namespace dl::scheduler;

namespace {

SearchSpec spec_of(std::string algorithm) {
  SearchSpec spec;
  spec.objectives = {{.metric = "loss", .goal = "minimize"}};
  spec.algorithm = std::move(algorithm);
  spec.max_trials = 30;
  spec.seed = 5;
  spec.halving = {.min_resource = 1, .max_resource = 9, .reduction = 3};
  spec.pbt.population = 6;
  spec.parameters = {
      {.name = "rate", .domain = Range{.low = 1e-4, .high = 1, .scale = Scale::kLog}},
      {.name = "units", .domain = Range{.low = 1, .high = 64, .step = 1, .whole = true}},
      {.name = "kind", .domain = Choices{.values = {"a", "b", "c"}}}};
  return spec;
}

// Runs up to four trials at once in a random but fixed interleaving; every event is kept. Each
// trial reports nine times; one in ten fails.
class Run {
 public:
  explicit Run(const SearchSpec& spec) : searcher(spec), random_(1, 1) {}

  // False when the search is over.
  bool step() {
    if (running_.size() < 4 && random_.uniform() < 0.5) {
      const Suggestion suggestion = searcher.suggest();
      if (const auto* start = std::get_if<StartTrial>(&suggestion)) {
        const auto number = static_cast<TrialNumber>(searcher.trials().size() + 1);
        tell(TrialStarted{number, start->assignment, start->from});
        running_.push_back(number);
      } else if (const auto* resume = std::get_if<ResumeTrial>(&suggestion)) {
        tell(TrialResumed{resume->number});
        running_.push_back(resume->number);
      } else if (std::holds_alternative<SearchOver>(suggestion)) {
        return !running_.empty() && finish_one();
      }
    }
    return running_.empty() || finish_one();
  }

  std::vector<SearchEvent> events;
  Searcher searcher;

 private:
  void tell(SearchEvent event) {
    events.push_back(event);
    searcher.tell(event);
  }

  bool finish_one() {
    const std::size_t place = random_.below(running_.size());
    const TrialNumber number = running_[place];
    const Trial& trial = searcher.trials()[number - 1];
    const std::uint64_t resource = trial.reports.empty() ? 1 : trial.reports.back().resource + 1;
    const double rate = std::log10(*as_number(trial.assignment.at("rate")));
    const double loss = (rate + 2) * (rate + 2) + 1.0 / static_cast<double>(resource);
    if (random_.uniform() < 0.01) {
      tell(TrialEnded{number, false});
    } else {
      tell(TrialReported{number, {.resource = resource, .values = {loss}}});
      if (trial.state == TrialState::kRunning && resource >= 9) tell(TrialEnded{number});
    }
    if (trial.state != TrialState::kRunning)
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(place));
    return true;
  }

  RandomStream random_;
  std::vector<TrialNumber> running_;
};

const char* const kAlgorithms[] = {
    "random", "sobol", "tpe", "gp", "cmaes", "asha", "hyperband", "bohb", "successive_halving",
    "pbt"};

}  // namespace

TEST_CASE("a searcher rebuilt from any prefix of its events suggests the same", "[search]") {
  for (const char* algorithm : kAlgorithms) {
    Run run(spec_of(algorithm));
    for (int step = 0; step < 400 && run.step(); ++step) {
      if (step % 23 != 0) continue;
      CAPTURE(algorithm, step);
      CHECK(rebuild(run.searcher.spec(), run.events).suggest() == run.searcher.suggest());
    }
  }
}

TEST_CASE("every algorithm comes to an end with the trials it was given", "[search]") {
  for (const char* algorithm : kAlgorithms) {
    SearchSpec spec = spec_of(algorithm);
    Run run(spec);
    int steps = 0;
    while (run.step() && ++steps < 20'000) {
    }
    CAPTURE(algorithm);
    CHECK(steps < 20'000);
    REQUIRE(std::holds_alternative<SearchOver>(run.searcher.suggest()));
    const auto& trials = run.searcher.trials();
    const auto failed = std::count_if(trials.begin(), trials.end(), [](const Trial& trial) {
      return trial.state == TrialState::kFailed;
    });
    const std::size_t counted = trials.size() - static_cast<std::size_t>(failed);
    // A population may have trained to its end before.
    CHECK(counted <= spec.max_trials);
    CHECK(counted >= (spec.algorithm == "pbt" ? spec.pbt.population : spec.max_trials));
    CHECK_FALSE(run.searcher.best().empty());
  }
}

TEST_CASE("initial points come first, what they leave out is chosen", "[search]") {
  SearchSpec spec = spec_of("tpe");
  spec.initial_points = {{{"rate", 0.01}, {"kind", "b"}}, {{"units", std::int64_t{7}}}};
  Searcher searcher(spec);
  const auto first = std::get<StartTrial>(searcher.suggest()).assignment;
  CHECK(*as_number(first.at("rate")) == Approx(0.01));
  CHECK(first.at("kind") == ParameterValue("b"));
  CHECK(first.contains("units"));
  searcher.started({1, first});
  CHECK(std::get<StartTrial>(searcher.suggest()).assignment.at("units") ==
        ParameterValue(std::int64_t{7}));
}

TEST_CASE("failed trials are replaced until they are too many", "[search]") {
  SearchSpec spec = spec_of("random");
  spec.max_trials = 1;
  spec.max_failed_trials = 2;
  Searcher searcher(spec);
  for (TrialNumber n = 1; n <= 3; ++n) {
    const Suggestion suggestion = searcher.suggest();
    REQUIRE(std::holds_alternative<StartTrial>(suggestion));
    searcher.started({n, std::get<StartTrial>(suggestion).assignment});
    CHECK(
        std::holds_alternative<WaitForTrials>(searcher.suggest()));  // It may have to be replaced.
    // Not a number cannot be judged: it is a failure too.
    searcher.reported({n, {.resource = 1, .values = {std::nan("")}}});
    searcher.ended({n});
  }
  CHECK(std::get<SearchOver>(searcher.suggest()).failed);
}

TEST_CASE("a search ends at its target, after trials without a gain, and can be extended",
          "[search]") {
  SearchSpec spec = spec_of("random");
  spec.objectives = {{.metric = "accuracy", .goal = "maximize"}};
  spec.stop = {.target = 0.9, .trials_without_gain = 2};
  const auto run_one = [](Searcher& searcher, TrialNumber n, double value) {
    searcher.started({n, std::get<StartTrial>(searcher.suggest()).assignment});
    searcher.reported({n, {.resource = 1, .values = {value}}});
    searcher.ended({n});
  };
  Searcher reached(spec);
  run_one(reached, 1, 0.5);
  CHECK(std::holds_alternative<StartTrial>(reached.suggest()));
  run_one(reached, 2, 0.95);
  CHECK(std::holds_alternative<SearchOver>(reached.suggest()));
  CHECK(reached.best() == std::vector<TrialNumber>{2});

  // While it goes on, a trial that has not ended may be the best of all.
  reached.started({3, {}});
  CHECK(reached.best(Searcher::Among::kAll) == std::vector<TrialNumber>{2});
  reached.reported({3, {.resource = 1, .values = {0.99}}});
  CHECK(reached.best(Searcher::Among::kAll) == std::vector<TrialNumber>{3});
  CHECK(reached.best() == std::vector<TrialNumber>{2});
  reached.ended({3, false});
  CHECK(reached.best(Searcher::Among::kAll) == std::vector<TrialNumber>{2});

  Searcher stale(spec);
  for (TrialNumber n = 1; n <= 3; ++n) run_one(stale, n, 0.5);
  CHECK(std::holds_alternative<SearchOver>(stale.suggest()));

  spec.stop = {};
  spec.max_trials = 1;
  Searcher extended(spec);
  run_one(extended, 1, 0.5);
  CHECK(std::holds_alternative<SearchOver>(extended.suggest()));
  extended.set_max_trials(2);
  CHECK(std::holds_alternative<StartTrial>(extended.suggest()));
}

TEST_CASE("constraints that nothing meets end the search as failed", "[search]") {
  SearchSpec spec = spec_of("tpe");
  spec.constraints = {Constraint::parse("rate > 2").value()};
  CHECK(std::get<SearchOver>(Searcher(spec).suggest()).failed);
}
