#include "scheduler/search/schedule/schedule.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "scheduler/search/schedule/bracket.h"
#include "scheduler/search/schedule/curve.h"
#include "scheduler/search/schedule/median.h"
#include "scheduler/search/schedule/population.h"

using namespace dl;
using namespace dl::scheduler;
using Action = Verdict::Action;

namespace {

Trial trial(TrialNumber number) { return {.number = number}; }

}  // namespace

TEST_CASE("successive halving keeps the best third at each full rung", "[search]") {
  Brackets brackets(Brackets::Kind::kSuccessiveHalving,
                    {.min_resource = 1, .max_resource = 9, .reduction = 3}, 9);
  for (TrialNumber n = 1; n <= 9; ++n) {
    CHECK(brackets.next(true).kind == Next::Kind::kStart);
    brackets.started(trial(n));
  }
  // Nobody goes on before the rung is full.
  for (TrialNumber n = 1; n <= 9; ++n) {
    CHECK(brackets.next(false).kind == Next::Kind::kWait);
    CHECK(brackets.reported(trial(n), 1, 10.0 - n).action == Action::kPause);
  }
  for (const TrialNumber expected : {7, 8, 9}) {
    const Next next = brackets.next(false);
    REQUIRE(next.kind == Next::Kind::kResume);
    CHECK(next.number == expected);
    brackets.resumed(next.number);
  }
  for (const TrialNumber n : {7, 8, 9}) brackets.reported(trial(n), 3, n == 8 ? 0 : 1);
  const Next last = brackets.next(false);
  REQUIRE(last.kind == Next::Kind::kResume);
  CHECK(last.number == 8);
  brackets.resumed(8);
  CHECK(brackets.reported(trial(8), 9, 0).action == Action::kContinue);
  brackets.ended(trial(8), true, 0);
  CHECK(brackets.next(false).kind == Next::Kind::kNothing);
}

TEST_CASE("a trial that fails in the first rung is replaced, later it ranks last", "[search]") {
  Brackets brackets(Brackets::Kind::kSuccessiveHalving,
                    {.min_resource = 1, .max_resource = 4, .reduction = 2}, 2);
  brackets.started(trial(1));
  brackets.started(trial(2));
  brackets.ended(trial(1), false, std::numeric_limits<double>::infinity());
  brackets.reported(trial(2), 1, 5);
  CHECK(brackets.next(false).kind == Next::Kind::kNothing);  // Waits for the one in its place.
  brackets.started(trial(3));
  brackets.reported(trial(3), 1, 4);
  CHECK(brackets.next(false).number == 3);
}

TEST_CASE("Hyperband's brackets have the paper's sizes", "[search]") {
  // R = 81, η = 3: 81 trials from 1, 34 from 3, 15 from 9, 8 from 27, 5 from 81.
  Brackets brackets(Brackets::Kind::kHyperband,
                    {.min_resource = 1, .max_resource = 81, .reduction = 3}, 143);
  std::map<std::uint64_t, int> first_pause;
  for (TrialNumber n = 1; n <= 143; ++n) {
    brackets.started(trial(n));
    std::uint64_t resource = 1;
    while (resource < 81 && brackets.reported(trial(n), resource, n).action == Action::kContinue)
      resource *= 3;
    ++first_pause[resource];
  }
  CHECK(first_pause == std::map<std::uint64_t, int>{{1, 81}, {3, 34}, {9, 15}, {27, 8}, {81, 5}});
}

TEST_CASE("median stopping stops what is worse than the middle, and nobody before", "[search]") {
  Median median({.rule = "median", .min_trials = 3, .min_resource = 2});
  for (TrialNumber n = 1; n <= 3; ++n) {
    for (std::uint64_t epoch = 1; epoch <= 4; ++epoch)
      CHECK(median.reported(trial(n), epoch, n).action == Action::kContinue);
    median.ended(trial(n), true, n);
  }
  CHECK(median.reported(trial(4), 1, 9).action == Action::kContinue);  // Before min_resource.
  CHECK(median.reported(trial(4), 2, 9).action == Action::kStop);
  CHECK(median.reported(trial(5), 2, 2).action == Action::kContinue);  // As good as the middle.
  CHECK(median.reported(trial(6), 2, 1).action == Action::kContinue);
  CHECK(median.reported(trial(6), 3, 9).action == Action::kContinue);  // By its best so far.
}

TEST_CASE("a curve's end is foretold from its beginning", "[search]") {
  std::vector<CurvePoint> points;
  for (int epoch = 1; epoch <= 12; ++epoch) {
    const double noise = 0.002 * (epoch % 3 - 1);
    points.push_back({static_cast<double>(epoch), 0.3 + 2 * std::pow(epoch, -0.7) + noise});
  }
  const double end = 0.3 + 2 * std::pow(100, -0.7);
  CHECK(chance_below(points, 100, end - 0.15) < 0.05);
  CHECK(chance_below(points, 100, end + 0.15) > 0.95);
  CHECK(chance_below(points, 100, end) > 0.02);
}

TEST_CASE("early stopping by curve stops a hopeless trial and lets a hopeful one go on",
          "[search]") {
  Curve curve({.rule = "curve", .min_trials = 1, .min_resource = 4}, 50);
  curve.ended(trial(1), true, 0.2);
  Action hopeless = Action::kContinue, hopeful = Action::kContinue;
  for (std::uint64_t epoch = 1; epoch <= 20; ++epoch) {
    const double t = std::pow(static_cast<double>(epoch), -0.8);
    if (hopeless == Action::kContinue)
      hopeless = curve.reported(trial(2), epoch, 0.9 + 0.5 * t).action;
    if (hopeful == Action::kContinue) hopeful = curve.reported(trial(3), epoch, 0.1 + 2 * t).action;
  }
  CHECK(hopeless == Action::kStop);
  CHECK(hopeful == Action::kContinue);
}

TEST_CASE("population-based training replaces the worst by heirs of the best", "[search]") {
  const UnitSpace space(
      {{.name = "rate", .domain = Range{.low = 0.001, .high = 1, .scale = Scale::kLog}}});
  Population population({.population = 4, .interval = 2, .quantile = 0.25}, 7, space);
  for (TrialNumber n = 1; n <= 4; ++n) {
    CHECK(population.next(true).kind == Next::Kind::kStart);
    Trial member = trial(n);
    member.assignment = {{"rate", 0.1 * n}};
    population.started(member);
  }
  CHECK(population.next(true).kind == Next::Kind::kWait);
  for (TrialNumber n = 1; n <= 3; ++n) population.reported(trial(n), 2, n);
  CHECK(population.reported(trial(4), 1, 9).action == Action::kContinue);  // Not at an interval.
  CHECK(population.reported(trial(4), 2, 9).action == Action::kStop);
  const Next next = population.next(true);
  REQUIRE(next.assignment);
  CHECK(next.assignment->from == 1);
  const double rate = *as_number(next.assignment->assignment.at("rate"));
  CHECK(rate != Approx(0.1));
  population.started({.number = 5, .assignment = next.assignment->assignment, .from = 1});
  CHECK(population.next(true).kind == Next::Kind::kWait);
}
