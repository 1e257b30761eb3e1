// Judged turns trials into what samplers learn from, at one resource for all of them.
//
// While all trials run to their end, each counts by its last report. Once some pause or stop before
// it, trials are compared at the greatest resource that enough of them have reached, as BOHB does
// (Falkner et al. 2018); one that was stopped before that counts as no better than the middle of
// the others. A failed trial ranks last.

#pragma once

#include <vector>

#include "model/search_spec.h"
#include "scheduler/search/sampler/observations.h"
#include "scheduler/search/trial.h"

namespace dl::scheduler {

class Judged {
 public:
  // `space` outlives it.
  Judged(const SearchSpec& spec, const UnitSpace& space);

  void started(const Trial& trial);
  void ended(const Trial& trial);
  void interrupted(const Trial& trial);

  // `trials` are all of them.
  const Observations& observations(const std::vector<Trial>& trials);

  // Of the last report; +infinity where a value is missing or not finite.
  std::vector<double> losses_of(const Trial& trial) const;
  double loss_of(const Trial& trial) const { return losses_of(trial).front(); }

 private:
  std::vector<double> losses_of(const std::vector<double>& values) const;
  // The resource to compare at.
  std::uint64_t level_of(const std::vector<Trial>& trials) const;
  void compare_at_level(const std::vector<Trial>& trials);

  const UnitSpace& space_;
  std::vector<double> signs_;
  std::size_t enough_;
  Observations observations_;
  bool has_partial_ = false;
  bool is_current_ = true;
};

}  // namespace dl::scheduler
