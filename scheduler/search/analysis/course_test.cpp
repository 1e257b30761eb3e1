#include "scheduler/search/analysis/course.h"

#include <catch2/catch.hpp>
#include <limits>

using namespace dl::scheduler;

namespace {

// Two at once: 1 trains to 4, 2 is stopped at 1, 3 follows it to 2, 4 has said nothing yet.
std::vector<Course> courses() {
  return {{.number = 1, .reports = {{1, 10, 0.5}, {2, 20, 0.6}, {4, 40, 0.9}}},
          {.number = 2, .reports = {{1, 12, 0.7}}},
          {.number = 3, .reports = {{1, 25, 0.65}, {2, 35, 0.8}}},
          {.number = 4, .reports = {}}};
}

std::vector<std::pair<double, double>> pairs(const std::vector<Best>& steps) {
  std::vector<std::pair<double, double>> pairs;
  for (const Best& step : steps) pairs.emplace_back(step.spent, step.value);
  return pairs;
}

using Pairs = std::vector<std::pair<double, double>>;

}  // namespace

TEST_CASE("the best so far by trials, resource and time", "[analysis]") {
  CHECK(pairs(best_so_far(courses(), Spending::kTrials, true)) == Pairs{{1, 0.9}, {3, 0.9}});
  CHECK(pairs(best_so_far(courses(), Spending::kTrials, false)) ==
        Pairs{{1, 0.9}, {2, 0.7}, {3, 0.7}});
  // In order of time: 0.5 after 1 unit, 0.7 after 2, 0.6 after 3, 0.65 after 4, 0.8 after 5, and
  // two units more for 0.9.
  const auto by_resource = best_so_far(courses(), Spending::kResource, true);
  CHECK(pairs(by_resource) == Pairs{{1, 0.5}, {2, 0.7}, {5, 0.8}, {7, 0.9}});
  CHECK(by_resource[1].number == 2);
  CHECK(pairs(best_so_far(courses(), Spending::kSeconds, true)) ==
        Pairs{{10, 0.5}, {12, 0.7}, {35, 0.8}, {40, 0.9}});
  CHECK(resource_spent(courses()) == 7);
}

TEST_CASE("the best so far ends where the spending ends, and leaves out what is not finite",
          "[analysis]") {
  const std::vector<Course> lost = {
      {.number = 1,
       .reports = {{1, 1, std::numeric_limits<double>::quiet_NaN()}, {2, 2, 3}, {3, 3, 5}}}};
  CHECK(pairs(best_so_far(lost, Spending::kResource, false)) == Pairs{{2, 3}, {3, 3}});
  CHECK(best_so_far({}, Spending::kTrials, true).empty());
}

TEST_CASE("an heir spends only what it trained itself", "[analysis]") {
  const std::vector<Course> heir = {{.number = 1, .reports = {{1, 1, 1}, {2, 2, 1}}},
                                    {.number = 2, .from = 1, .reports = {{3, 3, 1}, {4, 4, 1}}}};
  CHECK(resource_spent(heir) == 4);
}

TEST_CASE("trials are compared where half of them have been", "[analysis]") {
  const Comparable comparable = comparable_values(courses());
  CHECK(comparable.resource == 2);
  CHECK(comparable.values == std::vector<std::pair<TrialNumber, double>>{{1, 0.6}, {3, 0.8}});
  CHECK(comparable_values({}).values.empty());
}
