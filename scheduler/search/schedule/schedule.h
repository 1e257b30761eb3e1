// Schedule decides which trials go on: successive halving in its forms, stopping rules, and
// population-based training. What a new trial tries is a Sampler's to say.
//
// Losses are the first objective, negated if it is to be maximized: less is better. Not a number
// counts as +infinity.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "model/search_spec.h"
#include "scheduler/search/searcher.h"
#include "scheduler/search/unit_space.h"

namespace dl::scheduler {

// What a free place is for, as far as the schedule is concerned.
struct Next {
  enum class Kind : std::uint8_t { kStart, kResume, kWait, kNothing };
  Kind kind = Kind::kStart;
  TrialNumber number = 0;  // kResume: whom.
  std::optional<StartTrial>
      assignment;  // kStart: the trial itself, if not the sampler's to choose.
};

class Schedule {
 public:
  virtual ~Schedule() = default;

  // `may_start`: the limit on trials is not reached. kWait: some running trial may change the
  // answer.
  virtual Next next(bool may_start) const {
    return {.kind = may_start ? Next::Kind::kStart : Next::Kind::kNothing};
  }
  virtual void started(const Trial&) {}
  virtual void set_max_trials(std::uint32_t) {}
  virtual void resumed(TrialNumber) {}
  // `trial` has the report already. `loss` is that of the report.
  virtual Verdict reported(const Trial& trial, std::uint64_t resource, double loss) = 0;
  // By itself, or failed; not by this schedule's verdict. `loss` of its last report.
  virtual void ended(const Trial& trial, bool succeeded, double loss) = 0;
};

// The values of `spec` that decide: algorithm, early_stopping.rule, halving, pbt.
// `space` outlives the schedule.
std::unique_ptr<Schedule> make_schedule(const SearchSpec& spec, const UnitSpace& space);

inline Verdict stop_verdict(std::string why) { return {Verdict::Action::kStop, std::move(why)}; }
inline Verdict pause_verdict(std::string why) { return {Verdict::Action::kPause, std::move(why)}; }

}  // namespace dl::scheduler
