// The samplers that look at no results: grid, random and Sobol.

#pragma once

#include <vector>

#include "scheduler/search/sampler/sampler.h"

namespace dl::scheduler {

// All combinations of the parameters' grid_values that meet the constraints, the last parameter
// fastest; of a parameter that has no values to list, the middle.
class Grid final : public Sampler {
 public:
  // The first `skipped` trials are not the grid's: the initial points.
  Grid(const UnitSpace& space, std::size_t skipped);

  bool learns() const override { return false; }
  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override;

 private:
  // All ways to go on with the axes from this one.
  void extend(Point& point, std::size_t axis);

  const UnitSpace& space_;
  std::size_t skipped_;
  std::vector<Point> points_;
};

class Random : public Sampler {
 public:
  Random(std::uint64_t seed, const UnitSpace& space) : seed_(seed), space_(space) {}

  bool learns() const final { return false; }
  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override;

 protected:
  const std::uint64_t seed_;
  const UnitSpace& space_;
};

// Point number − 1 of a scrambled sequence; random once a point was turned down.
class Sobol final : public Random {
 public:
  using Random::Random;

  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override;
};

}  // namespace dl::scheduler
