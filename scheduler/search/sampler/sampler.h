// Sampler chooses what a new trial tries, from what the trials before it have shown.

#pragma once

#include <memory>
#include <optional>

#include "model/search_spec.h"
#include "scheduler/search/sampler/observations.h"
#include "scheduler/search/trial.h"
#include "scheduler/search/unit_space.h"

namespace dl::scheduler {

class Sampler {
 public:
  virtual ~Sampler() = default;

  // Whether it looks at observations at all: making them takes time that grows with the trials.
  virtual bool learns() const { return true; }
  // A point for trial `number`; nullopt when there is none left (grid). A function of the
  // arguments: what a sampler keeps only saves it work. `attempt` counts points that were turned
  // down because they met no constraint.
  virtual std::optional<Point> sample(const Observations& observations, TrialNumber number,
                                      std::uint32_t attempt) = 0;
};

// By spec.algorithm; those that choose trials by a schedule of theirs sample at random, bohb mostly
// by TPE. `space` outlives the sampler.
std::unique_ptr<Sampler> make_sampler(const SearchSpec& spec, const UnitSpace& space);

}  // namespace dl::scheduler
