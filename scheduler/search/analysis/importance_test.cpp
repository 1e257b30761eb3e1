#include "scheduler/search/analysis/importance.h"

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <numbers>
#include <sstream>

#include "scheduler/search/unit_space.h"

using namespace dl;
using namespace dl::scheduler;

namespace {

Parameter number(std::string name, double low, double high, Scale scale = Scale::kLinear) {
  return {.name = std::move(name), .domain = Range{.low = low, .high = high, .scale = scale}};
}

double value_of(const Assignment& assignment, const std::string& name) {
  return *as_number(assignment.at(name));
}

std::vector<ScoredTrial> random_trials(const Parameters& parameters, std::size_t count,
                                       const std::function<double(const Assignment&)>& function) {
  const UnitSpace space(parameters);
  std::vector<ScoredTrial> trials;
  for (std::size_t n = 0; n < count; ++n) {
    RandomStream random(7, n);
    const Assignment assignment = space.to_assignment(space.random_point(random));
    trials.push_back({assignment, function(assignment)});
  }
  return trials;
}

std::map<std::string, double> shares(const std::vector<Importance>& importances) {
  std::map<std::string, double> shares;
  for (const Importance& importance : importances) shares[importance.parameter] = importance.share;
  return shares;
}

}  // namespace

TEST_CASE("importance finds the variance shares of a sum", "[analysis]") {
  const Parameters parameters = {number("a", 0, 1), number("b", 10, 1000, Scale::kLog),
                                 number("c", -1, 1), number("idle", 0, 1)};
  // Even in log b, so that it has a quarter of a's effect: variances 16, 4, 1 of 21.
  const auto trials = random_trials(parameters, 1000, [](const Assignment& x) {
    return 4 * value_of(x, "a") + std::log10(value_of(x, "b")) + value_of(x, "c") / 2;
  });
  const auto importances = parameter_importance(parameters, trials);
  auto share = shares(importances);
  CHECK(share["a"] == Approx(16.0 / 21).margin(0.04));
  CHECK(share["b"] == Approx(4.0 / 21).margin(0.04));
  CHECK(share["c"] == Approx(1.0 / 21).margin(0.025));
  CHECK(share["idle"] < 0.005);
  CHECK(importances.front().parameter == "a");
  CHECK(importances.back().parameter == "idle");
}

TEST_CASE("importance leaves interactions out of the shares", "[analysis]") {
  // Ishigami: first-order shares 0.3139, 0.4424, 0, and 0.2437 of x1 and x3 together.
  constexpr double kPi = std::numbers::pi;
  const Parameters parameters = {number("x1", -kPi, kPi), number("x2", -kPi, kPi),
                                 number("x3", -kPi, kPi)};
  const auto trials = random_trials(parameters, 1000, [](const Assignment& x) {
    const double s1 = std::sin(value_of(x, "x1")), s2 = std::sin(value_of(x, "x2"));
    return s1 + 7 * s2 * s2 + 0.1 * std::pow(value_of(x, "x3"), 4) * s1;
  });
  auto share = shares(parameter_importance(parameters, trials));
  CHECK(share["x1"] == Approx(0.3139).margin(0.06));
  // A forest of so few points smooths two periods of a sine: Optuna's own says 0.33 here.
  CHECK(share["x2"] == Approx(0.4424).margin(0.12));
  CHECK(share["x2"] > share["x1"]);
  CHECK(share["x3"] < 0.03);
}

TEST_CASE("importance of choices goes by their weights", "[analysis]") {
  Parameters parameters = {
      {.name = "word", .domain = Choices{.values = {"a", "b", "c"}, .weights = {2, 1, 1}}},
      number("x", 0, 1)};
  const auto trials = random_trials(parameters, 800, [](const Assignment& x) {
    return (x.at("word") == ParameterValue("a") ? 1.0 : 0.0) + value_of(x, "x");
  });
  // Variances 1/4 and 1/12.
  auto share = shares(parameter_importance(parameters, trials));
  CHECK(share["word"] == Approx(0.75).margin(0.04));
  CHECK(share["x"] == Approx(0.25).margin(0.04));
}

TEST_CASE("a conditional parameter counts where it is there", "[analysis]") {
  Parameters parameters = {{.name = "kind", .domain = Choices{.values = {"a", "b"}}},
                           number("rate", 0, 1),
                           number("x", 0, 1)};
  parameters[1].condition = Condition{"kind", {"b"}};
  const auto with = [](double effect) {
    return [effect](const Assignment& a) {
      return a.contains("rate") ? effect * (value_of(a, "rate") - 0.5) + value_of(a, "x")
                                : value_of(a, "x");
    };
  };
  const auto strong = parameter_importance(parameters, random_trials(parameters, 600, with(8)));
  CHECK(strong.front().parameter == "rate");
  const auto none = parameter_importance(parameters, random_trials(parameters, 600, with(0)));
  CHECK(none.front().parameter == "x");
  CHECK(shares(none)["rate"] < 0.02);
}

TEST_CASE("importance says nothing of too few trials or of equal ones", "[analysis]") {
  const Parameters parameters = {number("x", 0, 1),
                                 {.name = "fixed", .domain = Choices{.values = {"one"}}}};
  CHECK(parameter_importance(parameters,
                             random_trials(parameters, kImportanceTrialsMin - 1,
                                           [](const Assignment& a) { return value_of(a, "x"); }))
            .empty());
  const auto flat = parameter_importance(
      parameters, random_trials(parameters, 20, [](const Assignment&) { return 3.0; }));
  REQUIRE(flat.size() == 1);
  CHECK(flat[0].parameter == "x");
  CHECK(flat[0].share == 0);
}

TEST_CASE("importance is the same for the same seed", "[analysis]") {
  const Parameters parameters = {number("x", 0, 1), number("y", 0, 1)};
  const auto trials = random_trials(
      parameters, 50, [](const Assignment& a) { return value_of(a, "x") + value_of(a, "y") / 3; });
  const auto one = shares(parameter_importance(parameters, trials, 5));
  CHECK(one == shares(parameter_importance(parameters, trials, 5)));
  CHECK(one != shares(parameter_importance(parameters, trials, 6)));
}

TEST_CASE("importance ranks as Optuna's fANOVA does", "[analysis]") {
  std::ifstream file(DL_SOURCE_DIR "/scheduler/search/analysis/testdata/importance.json");
  std::stringstream text;
  text << file.rdbuf();
  const auto cases = boost::json::parse(text.str()).at("cases").as_array();
  REQUIRE(cases.size() == 3);
  for (const auto& entry : cases) {
    const std::string name(entry.at("name").as_string());
    INFO(name);
    Parameters parameters;
    for (const auto& [key, value] : entry.at("trials").at(0).at("parameters").as_object()) {
      if (value.is_string())
        parameters.push_back({key, Choices{.values = {"a", "b", "c"}}});
      else if (value.is_int64())
        parameters.push_back({key, Range{.low = 1, .high = 5, .step = 1, .whole = true}});
      else
        parameters.push_back(number(key, 0, 1));
    }
    std::vector<ScoredTrial> trials;
    for (const auto& trial : entry.at("trials").as_array()) {
      ScoredTrial& scored = trials.emplace_back();
      scored.value = trial.at("value").to_number<double>();
      for (const auto& [key, value] : trial.at("parameters").as_object()) {
        if (value.is_string())
          scored.assignment[key] = std::string(value.as_string());
        else
          scored.assignment[key] = value.to_number<double>();
      }
    }
    const auto ours = parameter_importance(parameters, trials);
    // Optuna's sum to 1, so ours are compared as parts of their sum.
    double sum = 0;
    for (const Importance& importance : ours) sum += importance.share;
    double before = 2;
    for (const Importance& importance : ours) {
      INFO(importance.parameter);
      const double theirs = entry.at("fanova").at(importance.parameter).to_number<double>();
      CHECK(theirs < before);
      CHECK(importance.share / sum == Approx(theirs).margin(0.08));
      before = theirs;
    }
  }
}
