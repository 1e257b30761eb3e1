// Population-based training (Jaderberg et al. 2017): `population` trials train side by side. Every
// `interval` the worst `quantile` of them give up, each for a new trial that begins with the
// checkpoint of one of the best and with its parameters changed a little.
//
// A numeric parameter is multiplied by 1 − perturbation or 1 + perturbation, one with steps moves
// at least one step; each parameter is drawn afresh with resample_probability instead.

#pragma once

#include <deque>
#include <map>

#include "scheduler/search/schedule/schedule.h"

namespace dl::scheduler {

class Population final : public Schedule {
 public:
  // `space` outlives it.
  Population(const PbtSpec& spec, std::uint64_t seed, const UnitSpace& space)
      : spec_(spec), seed_(seed), space_(space) {}

  Next next(bool may_start) const override;
  void started(const Trial& trial) override;
  Verdict reported(const Trial& trial, std::uint64_t resource, double loss) override;
  void ended(const Trial& trial, bool succeeded, double loss) override;

 private:
  struct Member {
    Assignment assignment;
    double loss = 0;
    bool reported = false;
    bool over = false;  // Trained to its end; its checkpoint still serves.
    std::uint64_t next_look = 0;
  };

  Assignment explored(const Assignment& parent, RandomStream& random) const;

  PbtSpec spec_;
  std::uint64_t seed_;
  const UnitSpace& space_;
  std::map<TrialNumber, Member> members_;  // The population as it is now.
  std::deque<StartTrial> heirs_;           // Of those that gave up.
};

}  // namespace dl::scheduler
