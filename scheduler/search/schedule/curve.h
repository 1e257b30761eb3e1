// Early stopping by curve (after Domhan et al. 2015): a trial stops when its loss, continued to
// max_resource, would hardly pass that of the best trial that ended.
//
// The loss is taken for a + b · resource^−c plus noise. For a grid of c the fit of a and b ≥ 0 is
// linear; each fit weighs as its likelihood, and predicts the end with the error that its residuals
// and the length of the way ahead give.

#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "scheduler/search/schedule/schedule.h"

namespace dl::scheduler {

struct CurvePoint {
  double resource = 0;
  double loss = 0;
};

// P(the loss at `end` is below `target`), of at least kCurvePointsMin points by rising resource.
inline constexpr std::size_t kCurvePointsMin = 4;
double chance_below(std::span<const CurvePoint> points, double end, double target);

class Curve final : public Schedule {
 public:
  Curve(const EarlyStoppingSpec& spec, std::uint64_t max_resource)
      : spec_(spec), max_resource_(max_resource) {}

  Verdict reported(const Trial& trial, std::uint64_t resource, double loss) override;
  void ended(const Trial& trial, bool succeeded, double loss) override;

 private:
  EarlyStoppingSpec spec_;
  std::uint64_t max_resource_;
  std::map<TrialNumber, std::vector<CurvePoint>> running_;
  std::uint32_t ended_ = 0;
  double best_ = 0;
};

}  // namespace dl::scheduler
