#include "scheduler/search/numeric/box_minimizer.h"

#include <cmath>
#include <deque>
#include <optional>
#include <vector>

namespace dl::scheduler {
namespace {

using Eigen::VectorXd;

constexpr std::size_t kMemory = 8;
constexpr int kShortenings = 20, kLengthenings = 6;

struct Pair {
  VectorXd step;
  VectorXd change;  // Of the gradient over the step.
  double curvature;
};

// 1 where a coordinate may move: not at a bound that the descent would leave through.
VectorXd free_coordinates(const VectorXd& x, const VectorXd& gradient, const VectorXd& low,
                          const VectorXd& high) {
  VectorXd free = VectorXd::Ones(x.size());
  for (Eigen::Index i = 0; i < x.size(); ++i) {
    if ((x[i] <= low[i] && gradient[i] > 0) || (x[i] >= high[i] && gradient[i] < 0)) free[i] = 0;
  }
  return free;
}

// The two-loop recursion: about the inverse Hessian times the gradient.
VectorXd newton_like(const std::deque<Pair>& pairs, VectorXd q, const VectorXd& free) {
  std::vector<double> weights(pairs.size());
  for (std::size_t i = pairs.size(); i-- > 0;) {
    weights[i] = pairs[i].step.dot(q) / pairs[i].curvature;
    q -= weights[i] * pairs[i].change;
  }
  if (!pairs.empty()) q *= pairs.back().curvature / pairs.back().change.squaredNorm();
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double correction = pairs[i].change.dot(q) / pairs[i].curvature;
    q += (weights[i] - correction) * pairs[i].step;
  }
  return q.cwiseProduct(free);
}

// A point along a direction, with what the function says of it.
struct Probe {
  VectorXd x;
  double value = 0;
  VectorXd gradient;
};

class Descent {
 public:
  Descent(const SmoothFunction& function, const VectorXd& low, const VectorXd& high)
      : function_(function), low_(low), high_(high) {}

  Probe probe(const VectorXd& x) const {
    Probe result{.x = x.cwiseMax(low_).cwiseMin(high_), .gradient = VectorXd(x.size())};
    result.value = function_(result.x, result.gradient);
    return result;
  }

  // A step that gains enough (Armijo), and that does not end where the slope is still steep (Wolfe)
  // unless a longer one gains no more. Nullopt when there is no gain.
  std::optional<Probe> step(const Probe& from, const VectorXd& direction, double length) const {
    std::optional<Probe> found;
    for (int attempt = 0; attempt < kShortenings && !found; ++attempt, length *= 0.4) {
      Probe next = probe(from.x + length * direction);
      // The projection may have turned it uphill.
      const double promised = from.gradient.dot(next.x - from.x);
      // False of a value that is not a number.
      if (promised < 0 && next.value <= from.value + 1e-4 * promised) found = std::move(next);
    }
    const double steep = 0.9 * from.gradient.dot(direction);
    length /= 0.4;
    for (int attempt = 0; found && attempt < kLengthenings; ++attempt) {
      if (found->gradient.dot(direction) >= steep) break;
      length *= 3;
      Probe next = probe(from.x + length * direction);
      if (!(next.value < found->value)) break;
      found = std::move(next);
    }
    return found;
  }

 private:
  const SmoothFunction& function_;
  const VectorXd& low_;
  const VectorXd& high_;
};

}  // namespace

Minimum minimize_in_box(const SmoothFunction& function, const VectorXd& start, const VectorXd& low,
                        const VectorXd& high, const MinimizerOptions& options) {
  const Descent descent(function, low, high);
  Probe best = descent.probe(start);
  std::deque<Pair> pairs;
  for (int step = 0; step < options.steps_max && std::isfinite(best.value); ++step) {
    const VectorXd free = free_coordinates(best.x, best.gradient, low, high);
    const VectorXd projected = best.gradient.cwiseProduct(free);
    if (projected.size() == 0 ||
        projected.lpNorm<Eigen::Infinity>() <= options.gradient_tolerance) {
      break;
    }
    VectorXd direction = -newton_like(pairs, projected, free);
    if (direction.dot(projected) >= 0) direction = -projected;
    double length = 1;
    if (pairs.empty()) length = std::min(1.0, 0.1 * (high - low).norm() / direction.norm());
    auto next = descent.step(best, direction, length);
    if (!next) {
      if (pairs.empty()) break;
      pairs.clear();  // Once more, straight down.
      continue;
    }
    Pair pair{next->x - best.x, next->gradient - best.gradient, 0};
    pair.curvature = pair.step.dot(pair.change);
    if (pair.curvature > 1e-12 * pair.change.squaredNorm()) {
      pairs.push_back(std::move(pair));
      if (pairs.size() > kMemory) pairs.pop_front();
    }
    const double gain = best.value - next->value;
    best = *std::move(next);
    if (gain <= options.value_tolerance * std::max(1.0, std::abs(best.value))) break;
  }
  return {.x = best.x, .value = best.value};
}

}  // namespace dl::scheduler
