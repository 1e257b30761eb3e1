#include "scheduler/search/schedule/curve.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/numeric/normal.h"

namespace dl::scheduler {
namespace {

constexpr double kChanceMin = 0.05;
constexpr std::array kDecays = {0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0};

struct Fit {
  double end = 0;      // Predicted.
  double error = 0;    // Standard error of that, for a noise of 1.
  double squares = 0;  // Of the residuals.
};

Fit fit(std::span<const CurvePoint> points, double end, double decay) {
  const auto count = static_cast<double>(points.size());
  const auto basis = [&](double resource) { return exp_of(-decay * log_of(resource)); };
  double x = 0, y = 0, xx = 0, xy = 0;
  for (const CurvePoint& point : points) {
    const double b = basis(point.resource);
    x += b / count;
    y += point.loss / count;
  }
  for (const CurvePoint& point : points) {
    const double b = basis(point.resource) - x;
    xx += b * b;
    xy += b * (point.loss - y);
  }
  const double slope = xx > 0 ? std::max(0.0, xy / xx) : 0;
  Fit result;
  const double ahead = basis(end) - x;
  result.end = y + slope * ahead;
  result.error = std::sqrt(1 + 1 / count + (xx > 0 ? ahead * ahead / xx : 0));
  for (const CurvePoint& point : points) {
    const double residual = point.loss - y - slope * (basis(point.resource) - x);
    result.squares += residual * residual;
  }
  return result;
}

}  // namespace

double chance_below(std::span<const CurvePoint> points, double end, double target) {
  std::array<Fit, kDecays.size()> fits;
  double least = std::numeric_limits<double>::infinity();
  double size = 0;
  for (const CurvePoint& point : points) size = std::max(size, std::abs(point.loss));
  for (std::size_t i = 0; i < fits.size(); ++i) {
    fits[i] = fit(points, end, kDecays[i]);
    least = std::min(least, fits[i].squares);
  }
  // One point less than the parameters leave is free to estimate the noise; never quite none.
  const double freedom = std::max(1.0, static_cast<double>(points.size()) - 3);
  const double variance = std::max(least / freedom, 1e-8 * size * size + 1e-300);
  double chance = 0, total = 0;
  for (const Fit& f : fits) {
    const double weight = exp_of(-0.5 * (f.squares - least) / variance);
    total += weight;
    chance += weight * normal_cdf((target - f.end) / (std::sqrt(variance) * f.error));
  }
  return chance / total;
}

Verdict Curve::reported(const Trial& trial, std::uint64_t resource, double loss) {
  auto& points = running_[trial.number];
  points.push_back({static_cast<double>(std::max<std::uint64_t>(1, resource)), loss});
  const bool is_early = resource < spec_.min_resource || points.size() < kCurvePointsMin;
  if (is_early || ended_ < spec_.min_trials || resource >= max_resource_) return {};
  // The first half of a curve says less about its end than the second.
  const std::size_t skip = points.size() >= 4 * kCurvePointsMin ? points.size() / 4 : 0;
  const double chance =
      std::isfinite(loss)
          ? chance_below(std::span(points).subspan(skip), static_cast<double>(max_resource_), best_)
          : 0;
  if (chance >= kChanceMin) return {};
  running_.erase(trial.number);
  return stop_verdict("its curve has a chance of " + std::to_string(std::lround(100 * chance)) +
                      " % to end better than the best trial");
}

void Curve::ended(const Trial& trial, bool succeeded, double loss) {
  running_.erase(trial.number);
  if (!succeeded) return;
  best_ = ended_ == 0 ? loss : std::min(best_, loss);
  ++ended_;
}

}  // namespace dl::scheduler
