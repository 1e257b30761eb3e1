#include "scheduler/search/sampler/cmaes.h"

#include <algorithm>
#include <cmath>

#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/numeric/sobol_sequence.h"
#include "scheduler/search/sampler/simple.h"

namespace dl::scheduler {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr int kRedraws = 20;
// The first steps set out from the better ones of a generation of Sobol points, not from nowhere.
constexpr double kStepShare = 0.5;

// The selection's constants, named as in the tutorial's table 1.
struct Weights {
  Weights(std::size_t lambda, double n) {
    const std::size_t mu = lambda / 2;
    double positive = 0, negative = 0, squares = 0, negative_squares = 0;
    for (std::size_t i = 0; i < lambda; ++i) {
      const double w =
          log_of((static_cast<double>(lambda) + 1) / 2) - log_of(static_cast<double>(i) + 1);
      each.push_back(w);
      (i < mu ? positive : negative) += std::abs(w);
      (i < mu ? squares : negative_squares) += w * w;
    }
    mu_eff = positive * positive / squares;
    const double mu_eff_negative =
        negative_squares > 0 ? negative * negative / negative_squares : 0;
    c_sigma = (mu_eff + 2) / (n + mu_eff + 5);
    d_sigma = 1 + c_sigma + 2 * std::max(0.0, std::sqrt((mu_eff - 1) / (n + 1)) - 1);
    c_c = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n);
    c_1 = 2 / ((n + 1.3) * (n + 1.3) + mu_eff);
    c_mu = std::min(1 - c_1, 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((n + 2) * (n + 2) + mu_eff));
    chi = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
    const double alpha = std::min(
        {1 + c_1 / c_mu, 1 + 2 * mu_eff_negative / (mu_eff + 2), (1 - c_1 - c_mu) / (n * c_mu)});
    for (std::size_t i = 0; i < lambda; ++i) {
      if (i < mu)
        each[i] /= positive;
      else if (negative > 0)
        each[i] *= alpha / negative;
      total += each[i];
    }
    parents = mu;
  }
  std::vector<double> each;  // The first `parents` sum to 1; the rest are not positive.
  std::size_t parents = 0;
  double total = 0, mu_eff = 0, c_sigma = 0, d_sigma = 0, c_c = 0, c_1 = 0, c_mu = 0, chi = 0;
};

}  // namespace

Cmaes::Cmaes(const SearchSpec& spec, const UnitSpace& space)
    : spec_(spec.cmaes), seed_(spec.seed), space_(space), others_(spec.tpe, spec.seed, space) {
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (!space.axis(i).is_category() && space.axis(i).parent < 0) axes_.push_back(i);
  }
  const auto n = static_cast<double>(std::max<std::size_t>(1, axes_.size()));
  population_ = spec_.population > 0 ? std::max(4U, spec_.population)
                                     : 4 + static_cast<std::size_t>(3 * log_of(n));
}

VectorXd Cmaes::coordinates_of(const Point& point) const {
  VectorXd x(static_cast<Eigen::Index>(axes_.size()));
  for (std::size_t k = 0; k < axes_.size(); ++k) x[static_cast<Eigen::Index>(k)] = point[axes_[k]];
  return x;
}

Cmaes::State Cmaes::state_after(const Observations& observations) const {
  const auto n = static_cast<Eigen::Index>(axes_.size());
  State state{.mean = VectorXd::Constant(n, 0.5),
              .step = spec_.sigma * kStepShare,
              .axes = MatrixXd::Identity(n, n),
              .covariance = MatrixXd::Identity(n, n),
              .step_path = VectorXd::Zero(n),
              .path = VectorXd::Zero(n)};
  const auto& all = observations.all();
  // Begin in the middle of the best half of the first ones.
  std::vector<const Observation*> first;
  for (std::size_t i = 0; i < std::min(population_, all.size()); ++i) first.push_back(&all[i]);
  std::stable_sort(first.begin(), first.end(), [](const Observation* a, const Observation* b) {
    return a->losses[0] < b->losses[0];
  });
  if (first.size() > 1) {
    const Weights weights(first.size(), static_cast<double>(n));
    state.mean.setZero();
    for (std::size_t i = 0; i < weights.parents; ++i)
      state.mean += weights.each[i] * coordinates_of(first[i]->point);
  }
  std::vector<const Observation*> generation;
  for (std::size_t i = population_; i < all.size(); ++i) {
    generation.push_back(&all[i]);
    if (generation.size() < population_) continue;
    advance(state, generation);
    generation.clear();
  }
  return state;
}

void Cmaes::advance(State& state, const std::vector<const Observation*>& generation) const {
  const auto n = static_cast<double>(state.mean.size());
  const Weights weights(generation.size(), n);
  std::vector<const Observation*> order = generation;
  std::stable_sort(order.begin(), order.end(), [](const Observation* a, const Observation* b) {
    return a->losses[0] < b->losses[0];
  });

  const Eigen::FullPivLU<MatrixXd> to_sphere(state.axes);
  const double longest = std::sqrt(n) + 2 * n / (n + 2);
  std::vector<VectorXd> steps;
  std::vector<double> lengths;
  VectorXd move = VectorXd::Zero(state.mean.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    VectorXd y = (coordinates_of(order[i]->point) - state.mean) / state.step;
    double length = to_sphere.solve(y).norm();
    if (length > longest) {
      y *= longest / length;
      length = longest;
    }
    if (i < weights.parents) move += weights.each[i] * y;
    steps.push_back(std::move(y));
    lengths.push_back(length);
  }
  state.mean = (state.mean + state.step * move).cwiseMax(0).cwiseMin(1);
  ++state.generation;

  const VectorXd sphere_move =
      state.axes.colwise().normalized() * to_sphere.solve(move);  // C^−½ · move
  state.step_path =
      (1 - weights.c_sigma) * state.step_path +
      std::sqrt(weights.c_sigma * (2 - weights.c_sigma) * weights.mu_eff) * sphere_move;
  const double decay = 1 - std::pow(1 - weights.c_sigma, 2 * state.generation);
  const double norm = state.step_path.norm();
  const bool is_slow = norm / std::sqrt(decay) < (1.4 + 2 / (n + 1)) * weights.chi;
  state.path = (1 - weights.c_c) * state.path;
  if (is_slow) state.path += std::sqrt(weights.c_c * (2 - weights.c_c) * weights.mu_eff) * move;
  const double kept = is_slow ? 0 : weights.c_1 * weights.c_c * (2 - weights.c_c);
  state.covariance *= 1 + kept - weights.c_1 - weights.c_mu * weights.total;
  state.covariance += weights.c_1 * state.path * state.path.transpose();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    double weight = weights.each[i];
    if (weight < 0) weight *= n / std::max(1e-12, lengths[i] * lengths[i]);
    state.covariance += weights.c_mu * weight * steps[i] * steps[i].transpose();
  }
  state.step *= exp_of(std::min(1.0, weights.c_sigma / weights.d_sigma * (norm / weights.chi - 1)));
  state.step = std::clamp(state.step, 1e-10, 1.0);
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(state.covariance);
  state.axes = eigen.eigenvectors() * eigen.eigenvalues().cwiseMax(1e-14).cwiseSqrt().asDiagonal();
}

std::optional<Point> Cmaes::sample(const Observations& observations, TrialNumber number,
                                   std::uint32_t attempt) {
  if (observations.size() < population_ || axes_.empty())
    return others_.sample(observations, number, attempt);
  const bool is_mixed = axes_.size() < space_.size();
  Point point = is_mixed ? *others_.sample(observations, number, attempt) : Point(space_.size());
  const State state = state_after(observations);
  RandomStream random(seed_ + 1, (std::uint64_t{number} << 32) | attempt);
  const auto even = SobolSequence(axes_.size(), seed_ + 1).point(number);
  VectorXd x;
  for (int redraw = 0; redraw < kRedraws; ++redraw) {
    VectorXd z(state.mean.size());
    for (Eigen::Index k = 0; k < z.size(); ++k) {
      const bool is_first = redraw == 0 && attempt == 0;
      z[k] = is_first ? normal_quantile(even[static_cast<std::size_t>(k)]) : random.normal();
    }
    VectorXd y = state.step * (state.axes * z);
    for (Eigen::Index k = 0; k < y.size(); ++k) {
      const double levels = space_.axis(axes_[static_cast<std::size_t>(k)]).levels;
      if (levels <= 1) continue;
      // The margin: the next value stays within reach, with probability 1 ÷ (n λ).
      const double reach = 1 / (static_cast<double>(y.size() * population_));
      const double least = 0.5 / levels / -normal_quantile(std::min(0.45, reach / 2));
      const double deviation = state.step * state.axes.row(k).norm();
      if (deviation < least) y[k] *= least / std::max(1e-300, deviation);
    }
    x = state.mean + y;
    if ((x.array() >= 0).all() && (x.array() <= 1).all()) break;
  }
  x = x.cwiseMax(0).cwiseMin(1);
  for (std::size_t k = 0; k < axes_.size(); ++k) point[axes_[k]] = x[static_cast<Eigen::Index>(k)];
  return space_.completed(point);
}

}  // namespace dl::scheduler
