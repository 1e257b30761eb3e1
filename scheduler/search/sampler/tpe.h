// The tree-structured Parzen estimator (Bergstra et al. 2011), of all parameters together, or of
// each one alone (multivariate: false), as in the paper.
//
// The best of the trials make one density, the rest and the running ones (the "liar") another; of
// some candidates drawn from the first, the one that stands out most against the second is tried.
// docs/search-algorithms.md says what differs from other implementations.

#pragma once

#include "scheduler/search/sampler/mixture.h"
#include "scheduler/search/sampler/sampler.h"

namespace dl::scheduler {

class Tpe final : public Sampler {
 public:
  Tpe(const TpeSpec& spec, std::uint64_t seed, const UnitSpace& space);

  std::optional<Point> sample(const Observations& observations, TrialNumber number,
                              std::uint32_t attempt) override;

 private:
  using Axes = std::vector<std::size_t>;

  Mixture good_of(const Observations& observations, const Axes& axes, std::size_t count) const;
  Mixture bad_of(const Observations& observations, const Axes& axes, std::size_t good) const;
  // `start` with candidates for its values on `axes`, the most promising first.
  std::vector<Point> candidates(const Observations& observations, const Axes& axes,
                                const Point& start, RandomStream& random) const;
  // Each value by itself, the parents' before those that depend on them.
  Point one_by_one(const Observations& observations, RandomStream& random) const;
  bool is_usable(const Observations& observations, const Point& point) const;
  bool was_tried(const Observations& observations, const Point& point) const;

  TpeSpec spec_;
  std::uint64_t seed_;
  const UnitSpace& space_;
  bool is_discrete_;  // No continuous axis: a point can come again.
};

}  // namespace dl::scheduler
