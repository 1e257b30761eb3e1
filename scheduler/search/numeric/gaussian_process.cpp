#include "scheduler/search/numeric/gaussian_process.h"

#include <cmath>
#include <limits>

#include "scheduler/search/numeric/box_minimizer.h"
#include "scheduler/search/numeric/elementary.h"

namespace dl::scheduler {
namespace {

using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kNoiseMin = 1e-8;  // Keeps the matrix positive definite in double precision.

// Eigen cuts long sums in pieces by the caches that it finds: with these sizes, sums have the same
// bits on every machine.
[[maybe_unused]] const bool kSameCaches = [] {
  Eigen::setCpuCacheSizes(32 << 10, 512 << 10, 8 << 20);
  return true;
}();

// Makes of squared scaled distances s what the kernel is there: k(s) = (1 + r + r²/3) e^−r with
// r = √(5 s).
DL_ALSO_FOR_AVX2 void matern(double* squares, Eigen::Index count) {
  for (Eigen::Index i = 0; i < count; ++i) {
    const double r = std::sqrt(5 * std::max(0.0, squares[i]));
    squares[i] = (1 + r + r * r / 3) * exp_of(-r);
  }
}

// And the slopes, −2 dk/ds = 5/3 (1 + r) e^−r.
DL_ALSO_FOR_AVX2 void matern_and_slopes(const double* squares, double* kernel, double* slopes,
                                        Eigen::Index count) {
  for (Eigen::Index i = 0; i < count; ++i) {
    const double r = std::sqrt(5 * std::max(0.0, squares[i]));
    const double e = exp_of(-r);
    kernel[i] = (1 + r + r * r / 3) * e;
    slopes[i] = 5.0 / 3 * (1 + r) * e;
  }
}

// Squared distances between the rows of a and of b.
MatrixXd square_distances(const MatrixXd& a, const MatrixXd& b) {
  MatrixXd squares = -2 * a * b.transpose();
  squares.colwise() += a.rowwise().squaredNorm();
  squares.rowwise() += b.rowwise().squaredNorm().transpose();
  return squares;
}

// Puts the inverse of a lower triangle in its place, in a third of the operations that solving for
// the identity takes. What is above the diagonal is neither read nor written.
void invert_lower(Eigen::Ref<MatrixXd> matrix) {
  constexpr Eigen::Index kSmall = 24;
  const Eigen::Index n = matrix.rows(), half = n / 2;
  if (n <= kSmall) {
    const MatrixXd inverse =
        matrix.triangularView<Eigen::Lower>().solve(MatrixXd::Identity(n, n)).eval();
    matrix.triangularView<Eigen::Lower>() = inverse;
    return;
  }
  // The inverse of (A 0; B C) is (A⁻¹ 0; −C⁻¹ B A⁻¹, C⁻¹).
  auto first = matrix.topLeftCorner(half, half);
  auto last = matrix.bottomRightCorner(n - half, n - half);
  auto below = matrix.bottomLeftCorner(n - half, half);
  invert_lower(first);
  invert_lower(last);
  const MatrixXd product = last.triangularView<Eigen::Lower>() * below;
  below.noalias() = -product * first.triangularView<Eigen::Lower>();
}

// Puts Lᵀ L, of a lower triangle L, in its place: the lower half of what is symmetric.
void square_lower(Eigen::Ref<MatrixXd> matrix) {
  constexpr Eigen::Index kSmall = 24;
  const Eigen::Index n = matrix.rows(), half = n / 2;
  if (n <= kSmall) {
    const MatrixXd lower = matrix.triangularView<Eigen::Lower>();
    matrix.triangularView<Eigen::Lower>() = lower.transpose() * lower;
    return;
  }
  // For L = (A 0; B C) it is (AᵀA + BᵀB ·; CᵀB, CᵀC).
  auto first = matrix.topLeftCorner(half, half);
  auto last = matrix.bottomRightCorner(n - half, n - half);
  auto below = matrix.bottomLeftCorner(n - half, half);
  square_lower(first);
  first.selfadjointView<Eigen::Lower>().rankUpdate(below.transpose());
  const MatrixXd product = last.triangularView<Eigen::Lower>().transpose() * below;
  below = product;
  square_lower(last);
}

Eigen::RowVectorXd inverse_lengths_of(const KernelParameters& parameters,
                                      const std::vector<int>& groups) {
  Eigen::RowVectorXd inverse(static_cast<Eigen::Index>(groups.size()));
  for (std::size_t c = 0; c < groups.size(); ++c)
    inverse[static_cast<Eigen::Index>(c)] = exp_of(-parameters.log_lengths[groups[c]]);
  return inverse;
}

// The negative logarithm of the posterior density of kernel parameters, with its gradient.
class Density {
 public:
  Density(const MatrixXd& points, const VectorXd& values, const std::vector<int>& groups,
          const KernelPrior& prior)
      : points_(points), values_(values), groups_(groups), prior_(prior) {}

  double operator()(const VectorXd& x, VectorXd& gradient) const {
    const KernelParameters parameters = unpacked(x);
    const Eigen::Index n = points_.rows();
    const MatrixXd scaled = points_ * inverse_lengths_of(parameters, groups_).asDiagonal();
    // Of what is symmetric only the lower half is computed.
    MatrixXd kernel = square_distances(scaled, scaled), slopes = MatrixXd::Zero(n, n);
    for (Eigen::Index i = 0; i < n; ++i)
      matern_and_slopes(&kernel(i, i), &kernel(i, i), &slopes(i, i), n - i);
    const double variance = exp_of(parameters.log_variance);
    const double noise = exp_of(parameters.log_noise);
    MatrixXd matrix = variance * kernel;
    matrix.diagonal().array() += noise + kNoiseMin;
    const Eigen::LLT<MatrixXd> factor(matrix);
    gradient.setZero(x.size());
    if (factor.info() != Eigen::Success) return std::numeric_limits<double>::infinity();

    const VectorXd weights = factor.solve(values_);
    double value = 0.5 * values_.dot(weights);
    for (Eigen::Index i = 0; i < n; ++i) value += log_of(factor.matrixLLT()(i, i));
    // dL/dθ = ½ tr((K⁻¹ − w wᵀ) dK/dθ).
    MatrixXd outer = factor.matrixLLT();
    invert_lower(outer);
    square_lower(outer);
    outer.selfadjointView<Eigen::Lower>().rankUpdate(weights, -1);
    double product = -outer.diagonal().sum();  // tr of outer · kernel, whose diagonal is 1.
    for (Eigen::Index i = 0; i < n; ++i)
      product += 2 * outer.col(i).tail(n - i).dot(kernel.col(i).tail(n - i));
    const Eigen::Index groups = parameters.log_lengths.size();
    gradient[groups] = 0.5 * variance * product;
    gradient[groups + 1] = 0.5 * noise * outer.diagonal().sum();
    const MatrixXd lower = variance * outer.cwiseProduct(slopes);
    const auto weighted = lower.selfadjointView<Eigen::Lower>();
    const VectorXd sums = weighted * VectorXd::Ones(n);
    for (Eigen::Index c = 0; c < scaled.cols(); ++c) {
      const VectorXd column = scaled.col(c), across = weighted * column;
      // Σ W (x − x')² = 2 (Σ x² W1 − xᵀ W x); dk/d log ℓ = slope · (x − x')².
      const double sum = column.cwiseAbs2().dot(sums) - column.dot(across);
      gradient[groups_[static_cast<std::size_t>(c)]] += sum;
    }
    return value + penalty(x, gradient);
  }

  static KernelParameters unpacked(const VectorXd& x) {
    const Eigen::Index groups = x.size() - 2;
    return {.log_lengths = x.head(groups), .log_variance = x[groups], .log_noise = x[groups + 1]};
  }

 private:
  double penalty(const VectorXd& x, VectorXd& gradient) const {
    double value = 0;
    const Eigen::Index groups = x.size() - 2;
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      double mean = prior_.log_length_mean, deviation = prior_.log_length_deviation;
      if (i == groups) mean = 0, deviation = prior_.log_variance_deviation;
      if (i == groups + 1) mean = prior_.log_noise_mean, deviation = prior_.log_noise_deviation;
      const double z = (x[i] - mean) / deviation;
      value += 0.5 * z * z;
      gradient[i] += z / deviation;
    }
    return value;
  }

  const MatrixXd& points_;
  const VectorXd& values_;
  const std::vector<int>& groups_;
  const KernelPrior& prior_;
};

}  // namespace

GaussianProcess::GaussianProcess(MatrixXd points, VectorXd values, std::vector<int> groups,
                                 KernelParameters parameters)
    : groups_(std::move(groups)),
      parameters_(std::move(parameters)),
      inverse_lengths_(inverse_lengths_of(parameters_, groups_)),
      points_(scaled(points)) {
  // A matrix that rounding has made indefinite needs a little more on its diagonal.
  for (noise_ = exp_of(parameters_.log_noise) + kNoiseMin;; noise_ *= 10) {
    // One matrix from the distances to the inverse. What is symmetric has no upper half.
    inverse_factor_ = square_distances(points_, points_);
    for (Eigen::Index i = 0, n = points_.rows(); i < n; ++i) matern(&inverse_factor_(i, i), n - i);
    inverse_factor_ *= exp_of(parameters_.log_variance);
    inverse_factor_.diagonal().array() += noise_;
    const Eigen::LLT<Eigen::Ref<MatrixXd>> factor(inverse_factor_);  // In place.
    if (factor.info() != Eigen::Success && noise_ < 1e2) continue;
    weights_ = factor.solve(values);
    break;
  }
  values_ = std::move(values);
  invert_lower(inverse_factor_);
}

MatrixXd GaussianProcess::scaled(const MatrixXd& points) const {
  return points * inverse_lengths_.asDiagonal();
}

GaussianProcess::Belief GaussianProcess::at(const VectorXd& point) const {
  VectorXd mean_gradient, deviation_gradient;
  return at(point, mean_gradient, deviation_gradient);
}

GaussianProcess::Belief GaussianProcess::at(const VectorXd& point, VectorXd& mean_gradient,
                                            VectorXd& deviation_gradient) const {
  const double variance = exp_of(parameters_.log_variance);
  const Eigen::RowVectorXd x = point.transpose().cwiseProduct(inverse_lengths_);
  const MatrixXd differences = (-points_).rowwise() + x;
  VectorXd kernel = differences.rowwise().squaredNorm(), slopes(kernel.size());
  matern_and_slopes(kernel.data(), kernel.data(), slopes.data(), kernel.size());
  kernel *= variance;
  slopes *= -variance;  // dk/dx = slope · (x − x').
  const auto inverse_factor = inverse_factor_.triangularView<Eigen::Lower>();
  const VectorXd whitened = inverse_factor * kernel;
  const VectorXd solved = inverse_factor.transpose() * whitened;
  Belief belief;
  belief.mean = kernel.dot(weights_);
  belief.deviation = std::sqrt(std::max(1e-12 * variance, variance - whitened.squaredNorm()));
  mean_gradient = (differences.transpose() * slopes.cwiseProduct(weights_))
                      .cwiseProduct(inverse_lengths_.transpose());
  deviation_gradient = (differences.transpose() * slopes.cwiseProduct(solved))
                           .cwiseProduct(inverse_lengths_.transpose()) /
                       -belief.deviation;
  return belief;
}

void GaussianProcess::at_all(const MatrixXd& points, VectorXd& means, VectorXd& deviations) const {
  constexpr Eigen::Index kAtOnce = 128;  // What stays in a cache.
  const double variance = exp_of(parameters_.log_variance);
  const Eigen::Index count = points.rows();
  means.resize(count);
  deviations.resize(count);
  for (Eigen::Index begin = 0; begin < count; begin += kAtOnce) {
    const Eigen::Index size = std::min(kAtOnce, count - begin);
    MatrixXd kernel = square_distances(points_, scaled(points.middleRows(begin, size)));
    matern(kernel.data(), kernel.size());
    kernel *= variance;
    means.segment(begin, size) = kernel.transpose() * weights_;
    const MatrixXd whitened = inverse_factor_.triangularView<Eigen::Lower>() * kernel;
    deviations.segment(begin, size) = (variance - whitened.colwise().squaredNorm().array())
                                          .max(1e-12 * variance)
                                          .sqrt()
                                          .matrix()
                                          .transpose();
  }
}

KernelParameters fit_kernel(const MatrixXd& points, const VectorXd& values,
                            const std::vector<int>& groups, const KernelPrior& prior,
                            const KernelParameters& start, double* negative_log_density) {
  const Eigen::Index count = start.log_lengths.size();
  VectorXd x(count + 2), low(count + 2), high(count + 2);
  x << start.log_lengths, start.log_variance, start.log_noise;
  low << VectorXd::Constant(count, -4.6), -6, -18;
  high << VectorXd::Constant(count, 6), 6, 0;
  x = x.cwiseMax(low).cwiseMin(high);
  const Density density(points, values, groups, prior);
  const Minimum best =
      minimize_in_box(density, x, low, high,
                      {.steps_max = 40, .gradient_tolerance = 1e-2, .value_tolerance = 1e-5});
  if (negative_log_density != nullptr) *negative_log_density = best.value;
  return Density::unpacked(best.x);
}

}  // namespace dl::scheduler
