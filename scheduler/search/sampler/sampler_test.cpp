#include "scheduler/search/sampler/sampler.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "scheduler/search/searcher.h"

using namespace dl;
using namespace dl::scheduler;

namespace {

SearchSpec spec_of(std::string algorithm, Parameters parameters, std::uint64_t seed = 1) {
  SearchSpec spec;
  spec.objectives = {{.metric = "loss", .goal = "minimize"}};
  spec.algorithm = std::move(algorithm);
  spec.parameters = std::move(parameters);
  spec.seed = seed;
  spec.max_trials = 1000;
  return spec;
}

Parameters plane() {
  return {{.name = "x", .domain = Range{.low = -5, .high = 10}},
          {.name = "y", .domain = Range{.low = 0, .high = 15}}};
}

double bowl(const Assignment& a) {
  const double x = *as_number(a.at("x")) - 2, y = *as_number(a.at("y")) - 11;
  return x * x + 2 * y * y + x * y;
}

// The least value of `trials` trials, one after the other.
template <class F>
double searched(const SearchSpec& spec, TrialNumber trials, F value) {
  Searcher searcher(spec);
  double best = std::numeric_limits<double>::infinity();
  for (TrialNumber n = 1; n <= trials; ++n) {
    const auto start = std::get<StartTrial>(searcher.suggest());
    const double loss = value(start.assignment);
    best = std::min(best, loss);
    searcher.started({n, start.assignment});
    searcher.reported({n, {.resource = 1, .values = {loss}}});
    searcher.ended({n});
  }
  return best;
}

double mean_of_searches(const std::string& algorithm) {
  double sum = 0;
  for (std::uint64_t seed = 0; seed < 5; ++seed)
    sum += searched(spec_of(algorithm, plane(), seed), 40, bowl);
  return sum / 5;
}

}  // namespace

TEST_CASE("samplers that learn come closer to the minimum than random ones", "[search]") {
  const double random = mean_of_searches("random");
  CHECK(mean_of_searches("tpe") < random / 3);
  CHECK(mean_of_searches("cmaes") < random / 2);
  CHECK(mean_of_searches("gp") < random / 50);
}

TEST_CASE("TPE of each parameter by itself learns too, and sees no two of them together",
          "[search]") {
  SearchSpec alone = spec_of("tpe", plane());
  alone.tpe.multivariate = false;
  double sum = 0;
  for (alone.seed = 0; alone.seed < 5; ++alone.seed) sum += searched(alone, 40, bowl);
  CHECK(sum / 5 < mean_of_searches("random") / 3);

  // Of 40 points that lie all over both axes, those on the diagonal are good.
  const auto near_diagonal = [](bool multivariate) {
    SearchSpec spec = spec_of("tpe", plane());
    spec.tpe.multivariate = multivariate;
    spec.max_failed_trials = 1000;
    Searcher searcher(spec);
    for (TrialNumber n = 1; n <= 40; ++n) {
      const double x = n * 0.025 - 0.0125, y = n % 8 == 0 ? x : 1 - x;
      searcher.started({n, {{"x", -5 + 15 * x}, {"y", 15 * y}}});
      searcher.reported({n, {.resource = 1, .values = {std::abs(x - y) + 0.01 * x}}});
      searcher.ended({n});
    }
    int near = 0;
    for (TrialNumber n = 41; n <= 100; ++n) {
      const auto start = std::get<StartTrial>(searcher.suggest());
      const double x = (*as_number(start.assignment.at("x")) + 5) / 15;
      near += std::abs(x - *as_number(start.assignment.at("y")) / 15) < 0.2;
      searcher.started({n, start.assignment});
      searcher.ended({n, false});
    }
    return near;
  };
  CHECK(near_diagonal(true) > 1.3 * near_diagonal(false));
}

TEST_CASE("TPE of each parameter by itself gives children values under their parents only",
          "[search]") {
  Parameters parameters = {{.name = "kind", .domain = Choices{.values = {"a", "b"}}},
                           {.name = "z", .domain = Numbers{.values = {1, 10, 100}}}};
  parameters.back().condition = Condition{"kind", {"b"}};
  SearchSpec spec = spec_of("tpe", parameters);
  spec.tpe = {.startup_trials = 2, .multivariate = false};
  std::set<Assignment> seen;
  TrialNumber trials = 0;
  searched(spec, 4, [&](const Assignment& a) {
    CHECK(a.contains("z") == (a.at("kind") == ParameterValue("b")));
    const bool is_new = seen.insert(a).second;
    ++trials;
    CHECK((is_new || trials <= spec.tpe.startup_trials));  // Something new while there is any.
    return a.contains("z") ? *as_number(a.at("z")) : 50;
  });
}

TEST_CASE("every third trial of BOHB has random values", "[search]") {
  SearchSpec spec = spec_of("bohb", plane());
  spec.halving = {.min_resource = 1, .max_resource = 1, .reduction = 3};
  SearchSpec random = spec;
  random.algorithm = "random";
  Searcher bohb(spec), tpe(spec_of("tpe", plane())), blind(random);
  int as_random = 0, as_tpe = 0;
  for (TrialNumber n = 1; n <= 30; ++n) {
    const auto assignment = std::get<StartTrial>(bohb.suggest()).assignment;
    as_random += assignment == std::get<StartTrial>(blind.suggest()).assignment;
    as_tpe += assignment == std::get<StartTrial>(tpe.suggest()).assignment;
    for (Searcher* searcher : {&bohb, &tpe, &blind}) {
      searcher->started({n, assignment});
      searcher->reported({n, {.resource = 1, .values = {bowl(assignment)}}});
      searcher->ended({n});
    }
  }
  CHECK(as_random == 10);
  CHECK(as_tpe == 20);
}

TEST_CASE("the grid has every combination once, children under their parents only", "[search]") {
  Parameters parameters = {
      {.name = "optimizer", .domain = Choices{.values = {"sgd", "adam"}}},
      {.name = "momentum", .domain = Range{.low = 0, .high = 0.9}, .points = 3},
      {.name = "layers", .domain = Range{.low = 1, .high = 2, .step = 1, .whole = true}}};
  parameters[1].condition = Condition{"optimizer", {"sgd"}};
  Searcher searcher(spec_of("grid", parameters));
  std::set<Assignment> seen;
  TrialNumber n = 0;
  while (true) {
    const Suggestion suggestion = searcher.suggest();
    const auto* start = std::get_if<StartTrial>(&suggestion);
    if (start == nullptr) break;
    CHECK(seen.insert(start->assignment).second);
    searcher.started({++n, start->assignment});
    searcher.reported({n, {.resource = 1, .values = {0}}});
    searcher.ended({n});
  }
  CHECK(seen.size() == 8);  // (3 with sgd + 1 with adam) · 2.
  CHECK(std::holds_alternative<SearchOver>(searcher.suggest()));
}

TEST_CASE("every sampler keeps to constraints, domains and conditions", "[search]") {
  Parameters parameters = plane();
  parameters.push_back(
      {.name = "k", .domain = Range{.low = 1, .high = 9, .step = 2, .whole = true}});
  parameters.push_back({.name = "kind", .domain = Choices{.values = {"a", "b", "c"}}});
  parameters.push_back({.name = "z", .domain = Numbers{.values = {1, 10, 100}}});
  parameters.back().condition = Condition{"kind", {"b"}};
  for (const char* algorithm : {"random", "sobol", "tpe", "gp", "cmaes"}) {
    SearchSpec spec = spec_of(algorithm, parameters);
    spec.constraints = {Constraint::parse("x + y <= 8").value()};
    CAPTURE(algorithm);
    searched(spec, 30, [&](const Assignment& a) {
      CHECK(*as_number(a.at("x")) + *as_number(a.at("y")) <= 8);
      CHECK(a.contains("z") == (a.at("kind") == ParameterValue("b")));
      for (const Parameter& parameter : parameters) {
        if (a.contains(parameter.name)) CHECK(contains(parameter.domain, a.at(parameter.name)));
      }
      return bowl(a);
    });
  }
}

TEST_CASE("trials side by side try different things", "[search]") {
  for (const char* algorithm : {"tpe", "gp", "cmaes"}) {
    Searcher searcher(spec_of(algorithm, plane()));
    TrialNumber n = 0;
    for (; n < 15;) {
      const auto start = std::get<StartTrial>(searcher.suggest());
      searcher.started({++n, start.assignment});
      searcher.reported({n, {.resource = 1, .values = {bowl(start.assignment)}}});
      searcher.ended({n});
    }
    std::vector<Assignment> batch;
    for (int i = 0; i < 6; ++i) {
      batch.push_back(std::get<StartTrial>(searcher.suggest()).assignment);
      searcher.started({++n, batch.back()});
    }
    CAPTURE(algorithm);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const double distance = std::hypot(*as_number(batch[i]["x"]) - *as_number(batch[j]["x"]),
                                           *as_number(batch[i]["y"]) - *as_number(batch[j]["y"]));
        CHECK(distance > 1e-6);
      }
    }
  }
}

TEST_CASE("pareto_fronts peels fronts and puts the lonely first", "[search]") {
  const std::vector<std::vector<double>> losses = {{1, 5}, {2, 4}, {5, 1},
                                                   {2, 5}, {6, 6}, {2.1, 3.9}};
  const auto fronts = pareto_fronts(losses);
  REQUIRE(fronts.size() == 3);
  CHECK(std::set(fronts[0].begin(), fronts[0].end()) == std::set<std::uint32_t>{0, 1, 2, 5});
  CHECK(fronts[1] == std::vector<std::uint32_t>{3});
  CHECK(fronts[2] == std::vector<std::uint32_t>{4});
  CHECK(fronts[0].back() == 1);  // Close to 0 and 5.
}

TEST_CASE("with two objectives the front is approached along its length", "[search]") {
  for (const char* algorithm : {"tpe", "gp"}) {
    SearchSpec spec = spec_of(algorithm, plane());
    spec.objectives = {{.metric = "left", .goal = "minimize"},
                       {.metric = "right", .goal = "maximize"}};
    Searcher searcher(spec);
    for (TrialNumber n = 1; n <= 40; ++n) {
      const auto start = std::get<StartTrial>(searcher.suggest());
      const double x = *as_number(start.assignment.at("x"));
      const double y = *as_number(start.assignment.at("y"));
      // The front is y = 5, x from 0 to 4.
      const double off = (y - 5) * (y - 5);
      searcher.started({n, start.assignment});
      searcher.reported({n, {.resource = 1, .values = {x * x + off, -((x - 4) * (x - 4)) - off}}});
      searcher.ended({n});
    }
    CAPTURE(algorithm);
    double near = 0, low = 100, high = -100;
    for (const TrialNumber n : searcher.best()) {
      const auto& assignment = searcher.trials()[n - 1].assignment;
      const double x = *as_number(assignment.at("x"));
      near += std::abs(*as_number(assignment.at("y")) - 5) < 2;
      low = std::min(low, x);
      high = std::max(high, x);
    }
    CHECK(near >= 3);
    CHECK(high - low > 2);
  }
}
