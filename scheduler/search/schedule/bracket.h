// Successive halving with full rungs (Jamieson, Talwalkar 2016) and Hyperband (Li et al. 2018):
// a bracket's trials pause at a rung until all of them are there; the best 1 ÷ reduction go on.
//
// successive_halving: one bracket of max_trials trials. hyperband and bohb: brackets of different
// trades between many trials and long ones, from the widest on, again and again until max_trials
// trials have started. The next bracket begins while rungs of earlier ones fill, so that no place
// is idle. A trial that fails before its first rung is replaced; later it ranks last.

#pragma once

#include <map>
#include <set>
#include <vector>

#include "scheduler/search/schedule/rung.h"
#include "scheduler/search/schedule/schedule.h"

namespace dl::scheduler {

class Brackets final : public Schedule {
 public:
  enum class Kind : std::uint8_t { kSuccessiveHalving, kHyperband };

  Brackets(Kind kind, const HalvingSpec& halving, std::uint32_t max_trials);

  Next next(bool may_start) const override;
  void started(const Trial& trial) override;
  void set_max_trials(std::uint32_t max_trials) override { max_trials_ = max_trials; }
  void resumed(TrialNumber number) override;
  Verdict reported(const Trial& trial, std::uint64_t resource, double loss) override;
  void ended(const Trial& trial, bool succeeded, double loss) override;

 private:
  struct Bracket {
    std::vector<Rung> rungs;  // The last is the trials' end.
    std::size_t size = 0;     // Trials to start.
    std::size_t started = 0;
    std::size_t rung = 0;            // The one that fills.
    std::set<TrialNumber> training;  // On the way to it.
    std::set<TrialNumber> promoted;  // May go there, not resumed yet.
  };

  // The next in Hyperband's cycle, cut to the trials that max_trials leaves.
  Bracket make_bracket() const;
  // Promotes from the rung that fills if it is full.
  void advance(Bracket& bracket) const;

  Kind kind_;
  HalvingSpec halving_;
  std::uint32_t max_trials_;
  std::vector<Bracket> brackets_;
  std::map<TrialNumber, std::size_t> bracket_of_;
  std::set<TrialNumber> failed_;
};

}  // namespace dl::scheduler
