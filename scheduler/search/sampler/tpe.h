// The tree-structured Parzen estimator (Bergstra et al. 2011), of all parameters together.
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
  Mixture good_of(const Observations& observations, std::size_t count) const;
  Mixture bad_of(const Observations& observations, std::size_t good) const;
  bool was_tried(const Observations& observations, const Point& point) const;

  TpeSpec spec_;
  std::uint64_t seed_;
  const UnitSpace& space_;
  bool is_discrete_;  // No continuous axis: a point can come again.
};

}  // namespace dl::scheduler
