#include "scheduler/search/numeric/power_transform.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "scheduler/search/numeric/elementary.h"

namespace dl::scheduler {
namespace {

// What the least loss is lifted by, as a share of the middle one's distance from it: near the
// optimum the transform stays smooth.
constexpr double kLift = 0.1;

}  // namespace

Eigen::VectorXd power_transformed(const Eigen::VectorXd& losses, double power, double* log_slope) {
  std::vector<double> finite;
  for (const double loss : losses) {
    if (std::isfinite(loss)) finite.push_back(loss);
  }
  if (log_slope != nullptr) *log_slope = 0;
  if (finite.empty()) return Eigen::VectorXd::Zero(losses.size());
  std::sort(finite.begin(), finite.end());
  const double least = finite.front(), worst = finite.back(), middle = finite[finite.size() / 2];
  if (worst <= least) return Eigen::VectorXd::Zero(losses.size());
  const double unit = middle > least ? middle - least : worst - least;

  Eigen::VectorXd values(losses.size());
  double slope = 0;
  for (Eigen::Index i = 0; i < losses.size(); ++i) {
    const double above = (std::min(losses[i], worst) - least) / unit + kLift;
    const double log_above = log_of(above);
    values[i] = power == 0 ? log_above : exp_of(power * log_above) / power;
    slope += (power - 1) * log_above;
  }
  values.array() -= values.mean();
  const double deviation = std::sqrt(values.squaredNorm() / static_cast<double>(values.size()));
  if (log_slope != nullptr) {
    *log_slope = slope - static_cast<double>(values.size()) * (log_of(deviation) + log_of(unit));
  }
  return values / deviation;
}

}  // namespace dl::scheduler
