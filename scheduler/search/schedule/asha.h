// Asynchronous successive halving (Li et al., MLSys 2020, algorithm 2): a rung every factor of
// `reduction`; of those that reach a rung, the best 1 ÷ reduction so far go on.
//
// variant "stopping": a trial that reaches a rung is stopped if its loss is above the 1 ÷ reduction
// quantile of those that were there before; the first at a rung always goes on. variant
// "promotion": every trial pauses at every rung, and a free place goes to the highest rung that has
// a trial to promote, else to a new trial.
//
// With brackets, a trial of bracket s has its first rung s rungs higher. Brackets get trials in
// proportion to reduction^(rungs − 1) ÷ rungs of theirs, the one furthest behind first.

#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "scheduler/search/schedule/rung.h"
#include "scheduler/search/schedule/schedule.h"

namespace dl::scheduler {

class Asha final : public Schedule {
 public:
  explicit Asha(const HalvingSpec& halving);

  Next next(bool may_start) const override;
  void started(const Trial& trial) override;
  void resumed(TrialNumber number) override;
  Verdict reported(const Trial& trial, std::uint64_t resource, double loss) override;
  void ended(const Trial& trial, bool succeeded, double loss) override;

 private:
  struct Bracket {
    std::vector<Rung> rungs;  // Without the top, which is the trial's end.
    double weight = 0;
    std::uint64_t trials = 0;
    // Paused at each rung, best first.
    std::vector<std::set<std::pair<double, TrialNumber>>> waiting;
  };
  struct Member {
    std::size_t bracket = 0;
    std::size_t rung = 0;  // The next one to reach.
    double loss = 0;       // At the rung before it.
  };

  Verdict stopping(Member& member, const Trial& trial, std::uint64_t resource, double loss);
  Verdict promotion(Member& member, const Trial& trial, std::uint64_t resource, double loss);
  void stop_waiting(TrialNumber number);

  std::uint32_t reduction_;
  bool promotes_;
  std::vector<Bracket> brackets_;
  std::map<TrialNumber, Member> members_;
  std::size_t running_ = 0;
};

}  // namespace dl::scheduler
