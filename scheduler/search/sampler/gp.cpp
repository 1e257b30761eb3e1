#include "scheduler/search/sampler/gp.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "scheduler/search/numeric/box_minimizer.h"
#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/numeric/power_transform.h"
#include "scheduler/search/sampler/simple.h"

namespace dl::scheduler {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

// Points drawn over the whole space, and about the best trials.
constexpr std::size_t kWideCandidates = 384, kNearCandidates = 128;
constexpr std::size_t kNearBest = 5;
// Of each kind the best so many are climbed from.
constexpr std::size_t kClimbs = 3;
// Kernel parameters come from no more observations than this.
constexpr std::size_t kFitMax = 160;
// A stepped axis with more values than this is climbed as if it were continuous.
constexpr double kLevelsListed = 24;
constexpr std::array kPowers = {1.0, 0.5, 0.0};
constexpr double kSame = 1e-9;

// Every third suggestion believes in half the length scales: a kernel that fits the few points
// known so far too smoothly would not look elsewhere.
constexpr TrialNumber kDoubtEvery = 3;
constexpr double kDoubtFactor = 0.5;

// How many of `count` observations the kernel was fitted to last: all while they are few, later now
// and then, so that a fit serves several suggestions and yet follows from the history alone.
std::size_t fitted_count(std::size_t count) {
  std::size_t stride = 1;
  while (count >= 40 * stride) stride *= 2;
  return count / stride * stride;
}

constexpr KernelPrior kPrior = {.log_length_mean = -1,
                                .log_length_deviation = 0.5,
                                .log_variance_deviation = 1,
                                .log_noise_mean = -12,
                                .log_noise_deviation = 3};

// The best and, evenly over the ranks, some of the rest.
std::vector<Eigen::Index> spread(const std::vector<std::uint32_t>& order, std::size_t count) {
  std::vector<Eigen::Index> chosen;
  for (const std::uint32_t i : order) {
    if (i < count) chosen.push_back(i);
  }
  if (chosen.size() <= kFitMax) return chosen;
  std::vector<Eigen::Index> few(chosen.begin(), chosen.begin() + kFitMax / 2);
  const std::size_t rest = chosen.size() - few.size();
  for (std::size_t i = 0; i < kFitMax / 2; ++i)
    few.push_back(chosen[kFitMax / 2 + i * rest / (kFitMax / 2)]);
  return few;
}

}  // namespace

Gp::Gp(const GpSpec& spec, std::uint64_t seed, const UnitSpace& space)
    : spec_(spec), seed_(seed), space_(space) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    const Axis& axis = space.axis(i);
    first_column_.push_back(static_cast<int>(groups_.size()));
    const std::size_t columns = axis.is_category() && axis.categories > 2 ? axis.categories : 1;
    groups_.insert(groups_.end(), columns, static_cast<int>(i));
    smooth_.push_back(axis.kind == Axis::Kind::kContinuous || axis.levels > kLevelsListed);
  }
}

VectorXd Gp::columns_of(const Point& point) const {
  VectorXd columns = VectorXd::Zero(static_cast<Eigen::Index>(groups_.size()));
  for (std::size_t i = 0; i < space_.size(); ++i) {
    const int first = first_column_[i];
    if (space_.axis(i).is_category() && space_.axis(i).categories > 2) {
      // Two different categories are 1 apart.
      constexpr double kRootHalf = 0.7071067811865476;
      if (!std::isnan(point[i])) columns[first + static_cast<int>(point[i])] = kRootHalf;
    } else {
      columns[first] = std::isnan(point[i]) ? 0.5 : point[i];
    }
  }
  return columns;
}

VectorXd Gp::losses_of(const Observations& observations, TrialNumber number) const {
  const auto& all = observations.all();
  VectorXd losses(static_cast<Eigen::Index>(all.size()));
  const std::size_t objectives = all.front().losses.size();
  if (objectives == 1) {
    for (std::size_t i = 0; i < all.size(); ++i)
      losses[static_cast<Eigen::Index>(i)] = all[i].losses[0];
    return losses;
  }
  // Weights uniform on the simplex; the augmented Chebyshev norm of ranges brought to [0, 1].
  RandomStream random(seed_, ~std::uint64_t{number});
  losses.setZero();
  VectorXd sums = losses, weights(static_cast<Eigen::Index>(objectives));
  for (double& weight : weights) weight = -log_of(random.uniform());
  weights /= weights.sum();
  for (std::size_t k = 0; k < objectives; ++k) {
    double least = std::numeric_limits<double>::infinity(), most = -least;
    for (const Observation& observation : all) {
      if (!std::isfinite(observation.losses[k])) continue;
      least = std::min(least, observation.losses[k]);
      most = std::max(most, observation.losses[k]);
    }
    const double extent = most > least ? most - least : 1;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double part =
          weights[static_cast<Eigen::Index>(k)] * (all[i].losses[k] - least) / extent;
      auto& loss = losses[static_cast<Eigen::Index>(i)];
      loss = std::max(loss, part);
      sums[static_cast<Eigen::Index>(i)] += part;
    }
  }
  return losses + 0.05 * sums;
}

const Gp::Fit& Gp::fit_for(const Observations& observations, const VectorXd& losses,
                           TrialNumber number) {
  const std::size_t count = fitted_count(observations.size());
  const bool weighed = observations.all().front().losses.size() > 1;
  if (fit_.count == count && (!weighed || fit_.number == number)) return fit_;
  const auto chosen = spread(observations.order(), count);
  MatrixXd points(static_cast<Eigen::Index>(chosen.size()),
                  static_cast<Eigen::Index>(groups_.size()));
  VectorXd chosen_losses(points.rows());
  for (Eigen::Index i = 0; i < points.rows(); ++i) {
    const auto which = chosen[static_cast<std::size_t>(i)];
    points.row(i) = columns_of(observations.all()[static_cast<std::size_t>(which)].point);
    chosen_losses[i] = losses[which];
  }
  KernelParameters start;
  start.log_lengths =
      VectorXd::Constant(static_cast<Eigen::Index>(space_.size()), kPrior.log_length_mean);
  start.log_noise = kPrior.log_noise_mean;
  fit_ = {.count = count, .number = number};
  double least = std::numeric_limits<double>::infinity();
  for (const double power : kPowers) {
    double log_slope = 0, density = 0;
    const VectorXd values = power_transformed(chosen_losses, power, &log_slope);
    KernelParameters kernel = fit_kernel(points, values, groups_, kPrior, start, &density);
    if (density - log_slope >= least) continue;
    least = density - log_slope;
    fit_.power = power;
    fit_.kernel = std::move(kernel);
  }
  if (fit_.kernel.log_lengths.size() == 0) fit_.kernel = start;
  return fit_;
}

GaussianProcess Gp::process_for(const Observations& observations, const VectorXd& losses,
                                const Fit& fit) const {
  const auto known = static_cast<Eigen::Index>(observations.size());
  const auto running = static_cast<Eigen::Index>(observations.running().size());
  MatrixXd points(known + running, static_cast<Eigen::Index>(groups_.size()));
  for (Eigen::Index i = 0; i < known; ++i)
    points.row(i) = columns_of(observations.all()[static_cast<std::size_t>(i)].point);
  VectorXd values = power_transformed(losses, fit.power);
  GaussianProcess process(points.topRows(known), values, groups_, fit.kernel);
  if (running == 0) return process;
  Eigen::Index row = known;
  values.conservativeResize(known + running);
  for (const auto& [number, point] : observations.running()) {
    points.row(row) = columns_of(point);
    values[row] = process.at(points.row(row).transpose()).mean;
    ++row;
  }
  return {points, values, groups_, fit.kernel};
}

double Gp::score_of(const GaussianProcess& process, double target, const Point& point) const {
  const auto belief = process.at(columns_of(point));
  return log_of(belief.deviation) +
         log_improvement((target - belief.mean) / belief.deviation).value;
}

std::vector<Point> Gp::wide_candidates(RandomStream& random) const {
  std::vector<Point> points;
  for (std::size_t i = 0; i < kWideCandidates; ++i) points.push_back(space_.random_point(random));
  return points;
}

std::vector<Point> Gp::near_candidates(const Observations& observations,
                                       RandomStream& random) const {
  std::vector<Point> points;
  const std::size_t best = std::min(kNearBest, observations.size());
  for (std::size_t i = 0; i < kNearCandidates; ++i) {
    Point point = observations.all()[observations.order()[i % best]].point;
    // From a third of the range to almost nothing, on all axes or on a few.
    const double width = exp_of(-1 - 6 * random.uniform());
    const double chance = random.uniform() < 0.5 ? 1 : 1.5 / static_cast<double>(space_.size());
    const Point other = space_.random_point(random);
    for (std::size_t k = 0; k < space_.size(); ++k) {
      const double which = random.uniform(), step = random.normal();
      if (space_.axis(k).is_category() || std::isnan(point[k])) {
        if (std::isnan(point[k]) || which < 0.15 * chance) point[k] = other[k];
      } else if (which < chance) {
        point[k] = std::clamp(point[k] + width * step, 0.0, 1.0);
      }
    }
    points.push_back(space_.completed(point));
  }
  return points;
}

std::vector<Gp::Scored> Gp::scored(std::vector<Point> points, const GaussianProcess& process,
                                   double target) const {
  MatrixXd columns(static_cast<Eigen::Index>(points.size()),
                   static_cast<Eigen::Index>(groups_.size()));
  for (std::size_t i = 0; i < points.size(); ++i)
    columns.row(static_cast<Eigen::Index>(i)) = columns_of(points[i]);
  VectorXd means, deviations;
  process.at_all(columns, means, deviations);
  std::vector<Scored> result;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!space_.meets_constraints(points[i])) continue;
    const auto row = static_cast<Eigen::Index>(i);
    const double deviation = deviations[row];
    result.push_back({log_of(deviation) + log_improvement((target - means[row]) / deviation).value,
                      std::move(points[i])});
  }
  std::stable_sort(result.begin(), result.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  return result;
}

void Gp::climb_smooth(const GaussianProcess& process, double target, Scored& best) const {
  std::vector<std::size_t> axes;
  for (std::size_t i = 0; i < space_.size(); ++i) {
    if (smooth_[i] && !std::isnan(best.point[i])) axes.push_back(i);
  }
  if (axes.empty()) return;
  const auto count = static_cast<Eigen::Index>(axes.size());
  VectorXd columns = columns_of(best.point), start(count);
  for (Eigen::Index k = 0; k < count; ++k) start[k] = best.point[axes[static_cast<std::size_t>(k)]];
  const auto column = [&](Eigen::Index k) {
    return first_column_[axes[static_cast<std::size_t>(k)]];
  };
  VectorXd mean_gradient, deviation_gradient;
  const SmoothFunction loss = [&](const VectorXd& x, VectorXd& gradient) {
    for (Eigen::Index k = 0; k < count; ++k) columns[column(k)] = x[k];
    const auto belief = process.at(columns, mean_gradient, deviation_gradient);
    const double z = (target - belief.mean) / belief.deviation;
    const LogImprovement gain = log_improvement(z);
    gradient.resize(count);
    for (Eigen::Index k = 0; k < count; ++k) {
      const double mean_slope = mean_gradient[column(k)];
      const double deviation_slope = deviation_gradient[column(k)];
      gradient[k] = -(deviation_slope / belief.deviation +
                      gain.slope * (-mean_slope - z * deviation_slope) / belief.deviation);
    }
    return -(log_of(belief.deviation) + gain.value);
  };
  const Minimum top = minimize_in_box(loss, start, VectorXd::Zero(count), VectorXd::Ones(count),
                                      {.steps_max = 30, .gradient_tolerance = 1e-4});
  Point point = best.point;
  for (Eigen::Index k = 0; k < count; ++k) point[axes[static_cast<std::size_t>(k)]] = top.x[k];
  point = space_.normalized(point);
  const double score = score_of(process, target, point);
  if (score > best.score && space_.meets_constraints(point)) best = {score, std::move(point)};
}

bool Gp::climb_stepped(const GaussianProcess& process, double target, Scored& best) const {
  bool moved = false;
  for (std::size_t i = 0; i < space_.size(); ++i) {
    const Axis& axis = space_.axis(i);
    if (axis.kind == Axis::Kind::kContinuous || std::isnan(best.point[i])) continue;
    std::vector<double> alternatives;
    if (axis.is_category()) {
      for (std::uint32_t k = 0; k < axis.categories; ++k) alternatives.push_back(k);
    } else if (axis.levels <= kLevelsListed) {
      double coordinate = space_.snapped(i, 0);
      for (double last = -1; coordinate != last; coordinate = space_.neighbour(i, last, 1)) {
        alternatives.push_back(coordinate);
        last = coordinate;
      }
    } else {
      alternatives = {space_.neighbour(i, best.point[i], -1),
                      space_.neighbour(i, best.point[i], 1)};
    }
    for (const double alternative : alternatives) {
      if (alternative == best.point[i]) continue;
      Point point = best.point;
      point[i] = alternative;
      point = space_.completed(point);
      const double score = score_of(process, target, point);
      if (score <= best.score || !space_.meets_constraints(point)) continue;
      best = {score, std::move(point)};
      moved = true;
    }
  }
  return moved;
}

Gp::Scored Gp::climbed(const GaussianProcess& process, double target, Scored start) const {
  climb_smooth(process, target, start);
  for (int round = 0; round < 4 && climb_stepped(process, target, start); ++round)
    climb_smooth(process, target, start);
  return start;
}

bool Gp::was_tried(const Observations& observations, const Point& point) const {
  const auto is_same = [&](const Point& other) {
    for (std::size_t i = 0; i < point.size(); ++i) {
      if (std::isnan(point[i]) != std::isnan(other[i])) return false;
      if (!std::isnan(point[i]) && std::abs(point[i] - other[i]) > kSame) return false;
    }
    return true;
  };
  return std::any_of(observations.all().begin(), observations.all().end(),
                     [&](const Observation& other) { return is_same(other.point); }) ||
         std::any_of(observations.running().begin(), observations.running().end(),
                     [&](const auto& other) { return is_same(other.second); });
}

std::optional<Point> Gp::sample(const Observations& observations, TrialNumber number,
                                std::uint32_t attempt) {
  if (attempt > 0 || observations.size() < std::max<std::size_t>(2, spec_.startup_trials))
    return Sobol(seed_, space_).sample(observations, number, attempt);
  const VectorXd losses = losses_of(observations, number);
  Fit fit = fit_for(observations, losses, number);
  if (number % kDoubtEvery == 0) fit.kernel.log_lengths.array() += log_of(kDoubtFactor);
  const GaussianProcess process = process_for(observations, losses, fit);

  // What is to be improved on: the least that the process believes of the points that were tried.
  const double target =
      process.means().head(static_cast<Eigen::Index>(observations.size())).minCoeff();

  RandomStream random(seed_, std::uint64_t{number} << 32);
  std::vector<Scored> found = scored(wide_candidates(random), process, target);
  const std::vector<Scored> near = scored(near_candidates(observations, random), process, target);
  for (std::size_t i = 0, wide = found.size(); i < kClimbs; ++i) {
    if (i < wide) found.push_back(climbed(process, target, found[i]));
    if (i < near.size()) found.push_back(climbed(process, target, near[i]));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Scored& a, const Scored& b) { return a.score > b.score; });
  for (const Scored& candidate : found) {
    if (!was_tried(observations, candidate.point)) return candidate.point;
  }
  return space_.random_point(random);
}

}  // namespace dl::scheduler
