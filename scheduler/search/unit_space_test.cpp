#include "scheduler/search/unit_space.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <map>

using namespace dl;
using namespace dl::scheduler;

namespace {

Parameters every_kind() {
  Parameters parameters = {
      {.name = "double", .domain = Range{.low = -2, .high = 3}},
      {.name = "log", .domain = Range{.low = 1e-4, .high = 1, .scale = Scale::kLog}},
      {.name = "reverse",
       .domain = Range{.low = 0.9, .high = 0.999, .scale = Scale::kReverseLog, .ceiling = 1}},
      {.name = "int", .domain = Range{.low = 1, .high = 6, .step = 1, .whole = true}},
      {.name = "log_int",
       .domain = Range{.low = 1, .high = 512, .step = 1, .scale = Scale::kLog, .whole = true}},
      {.name = "quantized", .domain = Range{.low = 0.1, .high = 0.9, .step = 0.2}},
      {.name = "listed", .domain = Numbers{.values = {16, 32, 128}, .whole = true}},
      {.name = "normal", .domain = Normal{.mean = 5, .deviation = 2, .low = 0}},
      {.name = "optimizer", .domain = Choices{.values = {"sgd", "adam"}, .weights = {3, 1}}},
      {.name = "momentum", .domain = Range{.low = 0, .high = 1}}};
  parameters.back().condition = Condition{"optimizer", {"sgd"}};
  return parameters;
}

}  // namespace

TEST_CASE("random assignments are in their domains and come back from their points", "[search]") {
  const UnitSpace space(every_kind());
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, 0);
    const Point point = space.random_point(random);
    const Assignment assignment = space.to_assignment(point);
    for (const Parameter& parameter : space.parameters()) {
      const auto value = assignment.find(parameter.name);
      if (value == assignment.end()) continue;
      CAPTURE(seed, parameter.name, to_string(value->second));
      CHECK(contains(parameter.domain, value->second));
    }
    const Assignment again = space.to_assignment(space.to_point(assignment));
    REQUIRE(again.size() == assignment.size());
    for (const auto& [name, value] : assignment) {
      if (const auto x = as_number(value))
        CHECK(*as_number(again.at(name)) == Approx(*x));
      else
        CHECK(again.at(name) == value);
    }
  }
}

TEST_CASE("a whole range gives each value alike, a log range each octave", "[search]") {
  const UnitSpace space(every_kind());
  std::map<std::int64_t, int> counts;
  int small = 0, adams = 0;
  constexpr int kDraws = 12'000;
  for (int i = 0; i < kDraws; ++i) {
    RandomStream random(9, static_cast<std::uint64_t>(i));
    const Assignment assignment = space.to_assignment(space.random_point(random));
    ++counts[std::get<std::int64_t>(assignment.at("int"))];
    small += std::get<double>(assignment.at("log")) < 1e-2;
    adams += std::get<std::string>(assignment.at("optimizer")) == "adam";
  }
  REQUIRE(counts.size() == 6);
  for (const auto& [value, count] : counts) CHECK(count == Approx(kDraws / 6).epsilon(0.1));
  CHECK(small == Approx(kDraws / 2).epsilon(0.05));
  CHECK(adams == Approx(kDraws / 4).epsilon(0.1));
}

TEST_CASE("a parameter is there exactly under its condition", "[search]") {
  const UnitSpace space(every_kind());
  CHECK_FALSE(space.is_flat());
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, 5);
    const Assignment assignment = space.to_assignment(space.random_point(random));
    const bool is_sgd = assignment.at("optimizer") == ParameterValue("sgd");
    CHECK(assignment.contains("momentum") == is_sgd);
  }
}

TEST_CASE("neighbours of a stepped value are one step away and stop at the ends", "[search]") {
  const UnitSpace space(every_kind());
  constexpr std::size_t kInt = 3;
  double coordinate = space.snapped(kInt, 0);
  for (int value = 1; value <= 6; ++value) {
    Point point(space.size(), std::nan(""));
    point[kInt] = coordinate;
    CHECK(space.to_assignment(point).at("int") == ParameterValue(std::int64_t{value}));
    coordinate = space.neighbour(kInt, coordinate, 1);
  }
  CHECK(space.neighbour(kInt, coordinate, 1) == coordinate);
}
