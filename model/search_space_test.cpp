#include "model/search_space.h"

#include <catch2/catch.hpp>
#include <random>

#include "model/search_spec.h"

namespace dl {
namespace {

using Values = std::vector<ParameterValue>;

ParameterValue whole(std::int64_t value) { return value; }
ParameterValue word(const char* value) { return std::string(value); }

Parameter parameter(std::string name, Domain domain, std::uint32_t points = 0) {
  return {std::move(name), std::move(domain), std::nullopt, std::nullopt, points};
}

Parameter below(Parameter child, std::string parent, Values values) {
  child.condition = Condition{std::move(parent), std::move(values)};
  return child;
}

const Choices kOptimizers{{word("sgd"), word("adam")}, {}};

TEST_CASE("values are written in the shortest form that reads back", "[search]") {
  CHECK(to_string(ParameterValue(true)) == "true");
  CHECK(to_string(whole(-32)) == "-32");
  CHECK(to_string(ParameterValue(0.1)) == "0.1");
  CHECK(to_string(ParameterValue(1e-5)) == "1e-05");
  CHECK(to_string(word("a b")) == "a b");
}

TEST_CASE("a domain contains its values in either type of number", "[search]") {
  const Range range{.low = 1, .high = 10, .step = 1, .whole = true};
  CHECK(contains(range, whole(10)));
  CHECK(contains(range, 3.0));
  CHECK_FALSE(contains(range, 3.5));
  CHECK_FALSE(contains(range, whole(11)));
  CHECK_FALSE(contains(range, word("3")));
  CHECK(fitted(range, 3.0) == whole(3));
  CHECK(contains(Range{.low = 0.1, .high = 0.5, .step = 0.1}, 0.3));
  CHECK_FALSE(contains(Range{.low = 0.1, .high = 0.5, .step = 0.1}, 0.35));
  CHECK(contains(kOptimizers, word("adam")));
  CHECK_FALSE(contains(kOptimizers, word("Adam")));
  CHECK(fitted(Numbers{{1, 2.5}, false}, whole(1)) == ParameterValue(1.0));
  CHECK_FALSE(contains(Normal{.log = true}, -1.0));
  CHECK(contains(Normal{.low = -1, .high = 1}, 0.5));
  CHECK_FALSE(contains(Normal{.low = -1, .high = 1}, 1.5));
}

TEST_CASE("grid values are steps, or points on the range's scale", "[search]") {
  CHECK(grid_values(parameter("a", Range{.low = 0.1, .high = 0.5, .step = 0.1})) ==
        Values{0.1, 0.2, 0.3, 0.4, 0.5});
  CHECK(grid_values(parameter("a", Range{.low = 1, .high = 8, .step = 3, .whole = true})) ==
        Values{whole(1), whole(4), whole(7)});
  CHECK(grid_values(parameter("a", Range{.low = 1e-4, .high = 1, .scale = Scale::kLog}, 3)) ==
        Values{1e-4, 0.01, 1.0});
  CHECK(grid_values(parameter(
            "a", Range{.low = 0.9, .high = 0.999, .scale = Scale::kReverseLog, .ceiling = 1}, 3)) ==
        Values{0.9, 0.99, 0.999});
  CHECK(grid_values(parameter("a", Range{.low = 0, .high = 2}, 1)) == Values{1.0});
  // Rounding makes some points of a short range of whole numbers the same.
  const Range short_range{.low = 1, .high = 4, .step = 1, .scale = Scale::kLog, .whole = true};
  CHECK(grid_values(parameter("a", short_range, 9)) ==
        Values{whole(1), whole(2), whole(3), whole(4)});
  CHECK(grid_values(parameter("a", Range{.low = 0, .high = 1})).empty());
  CHECK(grid_values(parameter("a", Normal{})).empty());
}

TEST_CASE("a grid counts children under the values that let them be", "[search]") {
  const Parameters tree = {
      parameter("optimizer", kOptimizers),
      parameter("layers", Range{.low = 1, .high = 3, .step = 1, .whole = true}),
      below(parameter("momentum", Numbers{{0, 0.5, 0.9}, false}), "optimizer", {word("sgd")}),
      below(parameter("nesterov", Choices{{false, true}, {}}), "momentum", {0.5, 0.9})};
  // (sgd: momentum 0 once, 0.5 and 0.9 twice each; adam: once) × layers.
  CHECK(count_grid(tree) == (5 + 1) * 3);
  CHECK(count_grid({}) == 1);
  const Range huge{.low = 0, .high = 0x1p53, .step = 1, .whole = true};
  CHECK(count_grid(std::vector{parameter("a", huge), parameter("b", huge)}) == ~0ull);
}

TEST_CASE("the count of a grid is the number of its points", "[search]") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200; ++i) {
    const double low = static_cast<double>(1 + random() % 5);
    Range range{.low = low, .high = low + static_cast<double>(1 + random() % 40)};
    range.whole = random() % 2 == 0;
    range.step = range.whole ? static_cast<double>(1 + random() % 3) : 0.25;
    range.scale = static_cast<Scale>(random() % 3);
    range.ceiling = range.low + range.high;
    const auto points = static_cast<std::uint32_t>(random() % 10);
    const Parameter made = parameter("a", range, points);
    const Values values = grid_values(made);
    CHECK(count_grid_values(made) == values.size());
    CHECK(count_grid(std::vector{made}) == values.size());
    for (const ParameterValue& value : values) CHECK(contains(made.domain, value));
  }
}

TEST_CASE("first points are completed with defaults and without what is not there", "[search]") {
  SearchSpec search;
  search.parameters = {parameter("optimizer", kOptimizers),
                       below(parameter("momentum", Range{}), "optimizer", {word("sgd")}),
                       parameter("lr", Range{})};
  CHECK(first_points(search).empty());
  search.parameters[1].initial = 0.9;
  search.parameters[0].initial = word("adam");
  CHECK(first_points(search) == std::vector<Assignment>{{{"optimizer", word("adam")}}});
  search.initial_points = {{{"optimizer", word("sgd")}, {"lr", 0.5}}, {{"momentum", 0.1}}};
  CHECK(first_points(search) ==
        std::vector<Assignment>{{{"optimizer", word("sgd")}, {"momentum", 0.9}, {"lr", 0.5}},
                                {{"optimizer", word("adam")}}});
}

}  // namespace
}  // namespace dl
