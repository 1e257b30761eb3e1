#include "scheduler/search/analysis/front.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "scheduler/search/random_stream.h"

using namespace dl::scheduler;

TEST_CASE("the front has what none beats, equals included", "[analysis]") {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Losses> losses = {{3, 1}, {1, 3}, {2, 2}, {2, 3}, {1, 3}, {kNan, 0}, {3, 2}};
  CHECK(pareto_front(losses) == std::vector<std::uint32_t>{0, 1, 2, 4});
  CHECK(pareto_front(std::vector<Losses>{{2}, {1}, {3}}) == std::vector<std::uint32_t>{1});
  CHECK(pareto_front(std::vector<Losses>{}).empty());
}

TEST_CASE("the front is the one found by comparing all pairs", "[analysis]") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    RandomStream random(seed, 1);
    std::vector<Losses> losses;
    for (int i = 0; i < 60; ++i) {
      Losses& row = losses.emplace_back();
      for (int k = 0; k < 3; ++k) row.push_back(static_cast<double>(random.below(8)));
    }
    std::vector<std::uint32_t> expected;
    for (std::uint32_t i = 0; i < losses.size(); ++i) {
      bool beaten = false;
      for (const Losses& other : losses) {
        bool no_worse = true, better = false;
        for (std::size_t k = 0; k < 3; ++k) {
          no_worse = no_worse && other[k] <= losses[i][k];
          better = better || other[k] < losses[i][k];
        }
        beaten = beaten || (no_worse && better);
      }
      if (!beaten) expected.push_back(i);
    }
    CHECK(pareto_front(losses) == expected);
  }
}

TEST_CASE("hypervolume is the area or volume that the front covers", "[analysis]") {
  CHECK(hypervolume(std::vector<Losses>{{1}}, {4}) == 3);
  // Steps of 1 × 3, 1 × 2 and 1 × 1 below (4, 4).
  const std::vector<Losses> stairs = {{1, 3}, {2, 2}, {3, 1}, {3, 3}, {5, 0}};
  CHECK(hypervolume(stairs, {4, 4}) == Approx(6));
  CHECK(hypervolume(std::vector<Losses>{{0, 0, 0}}, {1, 2, 3}) == Approx(6));
  // Two boxes of 2 and 2 that share 1.
  CHECK(hypervolume(std::vector<Losses>{{0, 1, 1}, {1, 0, 1}}, {2, 2, 2}) == Approx(3));
  CHECK(hypervolume(std::vector<Losses>{{4, 4}}, {4, 4}) == 0);
  CHECK(hypervolume(std::vector<Losses>{}, {1, 1}) == 0);
}

TEST_CASE("hypervolume agrees with counting random points", "[analysis]") {
  RandomStream random(3, 0);
  std::vector<Losses> losses;
  for (int i = 0; i < 12; ++i)
    losses.push_back({random.uniform(), random.uniform(), random.uniform(), random.uniform()});
  constexpr int kPoints = 200'000;
  int covered = 0;
  for (int i = 0; i < kPoints; ++i) {
    const Losses point = {random.uniform(), random.uniform(), random.uniform(), random.uniform()};
    for (const Losses& row : losses) {
      bool below = true;
      for (std::size_t k = 0; k < 4; ++k) below = below && row[k] < point[k];
      if (!below) continue;
      ++covered;
      break;
    }
  }
  CHECK(hypervolume(losses, {1, 1, 1, 1}) ==
        Approx(static_cast<double>(covered) / kPoints).margin(0.005));
}

TEST_CASE("the worst of each objective", "[analysis]") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  CHECK(worst_of(std::vector<Losses>{{1, 5}, {3, 2}, {kInfinity, 9}}) == Losses{3, 5});
  CHECK(worst_of(std::vector<Losses>{}).empty());
}
