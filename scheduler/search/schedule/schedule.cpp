#include "scheduler/search/schedule/schedule.h"

#include "scheduler/search/schedule/asha.h"
#include "scheduler/search/schedule/bracket.h"
#include "scheduler/search/schedule/curve.h"
#include "scheduler/search/schedule/median.h"
#include "scheduler/search/schedule/population.h"

namespace dl::scheduler {
namespace {

// Every trial runs to its end.
class ToTheEnd final : public Schedule {
 public:
  Verdict reported(const Trial&, std::uint64_t, double) override { return {}; }
  void ended(const Trial&, bool, double) override {}
};

}  // namespace

std::unique_ptr<Schedule> make_schedule(const SearchSpec& spec, const UnitSpace& space) {
  if (spec.algorithm == "asha") return std::make_unique<Asha>(spec.halving);
  if (spec.algorithm == "successive_halving") {
    return std::make_unique<Brackets>(Brackets::Kind::kSuccessiveHalving, spec.halving,
                                      spec.max_trials);
  }
  if (spec.algorithm == "hyperband" || spec.algorithm == "bohb")
    return std::make_unique<Brackets>(Brackets::Kind::kHyperband, spec.halving, spec.max_trials);
  if (spec.algorithm == "pbt") return std::make_unique<Population>(spec.pbt, spec.seed, space);
  const EarlyStoppingSpec& early = spec.early_stopping;
  if (early.rule == "median") return std::make_unique<Median>(early);
  if (early.rule == "curve") return std::make_unique<Curve>(early, spec.halving.max_resource);
  if (early.rule == "asha") return std::make_unique<Asha>(spec.halving);
  return std::make_unique<ToTheEnd>();
}

}  // namespace dl::scheduler
