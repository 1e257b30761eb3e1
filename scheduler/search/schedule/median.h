// Median stopping (Golovin et al. 2017, Vizier): a trial stops when its best loss so far is worse
// than the median, over the trials that ended, of their mean loss up to the same resource.

#pragma once

#include <map>
#include <utility>
#include <vector>

#include "scheduler/search/schedule/schedule.h"

namespace dl::scheduler {

class Median final : public Schedule {
 public:
  explicit Median(const EarlyStoppingSpec& spec) : spec_(spec) {}

  Verdict reported(const Trial& trial, std::uint64_t resource, double loss) override;
  void ended(const Trial& trial, bool succeeded, double loss) override;

 private:
  struct Course {
    double best = 0;
    double sum = 0;
    std::vector<std::pair<std::uint64_t, double>> means;  // Running mean at each resource.
  };

  EarlyStoppingSpec spec_;
  std::map<TrialNumber, Course> running_;
  std::vector<Course> ended_;
};

}  // namespace dl::scheduler
