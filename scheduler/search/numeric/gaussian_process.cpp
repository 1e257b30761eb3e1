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

// k(s) = (1 + r + r²/3) e^−r with r = √(5 s) of the squared scaled distance s, and −2 dk/ds =
// 5/3 (1 + r) e^−r.
DL_ALSO_FOR_AVX2 void matern(const double* squares, double* kernel, double* slopes,
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
    MatrixXd kernel = square_distances(scaled, scaled), slopes(n, n);
    matern(kernel.data(), kernel.data(), slopes.data(), n * n);
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
    MatrixXd outer = factor.solve(MatrixXd::Identity(n, n));
    outer.noalias() -= weights * weights.transpose();
    const Eigen::Index groups = parameters.log_lengths.size();
    gradient[groups] = 0.5 * variance * outer.cwiseProduct(kernel).sum();
    gradient[groups + 1] = 0.5 * noise * outer.diagonal().sum();
    const MatrixXd weighted = variance * outer.cwiseProduct(slopes);
    const VectorXd sums = weighted.rowwise().sum();
    for (Eigen::Index c = 0; c < scaled.cols(); ++c) {
      const VectorXd column = scaled.col(c);
      // Σ W (x − x')² = 2 (Σ x² W1 − xᵀ W x); dk/d log ℓ = slope · (x − x')².
      const double sum = column.cwiseAbs2().dot(sums) - column.dot(weighted * column);
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
  const Eigen::Index n = points_.rows();
  MatrixXd kernel = square_distances(points_, points_), slopes(n, n);
  matern(kernel.data(), kernel.data(), slopes.data(), n * n);
  kernel *= exp_of(parameters_.log_variance);
  // A matrix that rounding has made indefinite needs a little more on its diagonal.
  double noise = exp_of(parameters_.log_noise) + kNoiseMin;
  do {
    MatrixXd matrix = kernel;
    matrix.diagonal().array() += noise;
    factor_.compute(matrix);
    noise *= 10;
  } while (factor_.info() != Eigen::Success && noise < 1e3);
  inverse_ = factor_.solve(MatrixXd::Identity(n, n));
  weights_ = factor_.solve(values);
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
  matern(kernel.data(), kernel.data(), slopes.data(), kernel.size());
  kernel *= variance;
  slopes *= -variance;  // dk/dx = slope · (x − x').
  const VectorXd solved = inverse_ * kernel;
  Belief belief;
  belief.mean = kernel.dot(weights_);
  belief.deviation = std::sqrt(std::max(1e-12 * variance, variance - kernel.dot(solved)));
  mean_gradient = (differences.transpose() * slopes.cwiseProduct(weights_))
                      .cwiseProduct(inverse_lengths_.transpose());
  deviation_gradient = (differences.transpose() * slopes.cwiseProduct(solved))
                           .cwiseProduct(inverse_lengths_.transpose()) /
                       -belief.deviation;
  return belief;
}

void GaussianProcess::at_all(const MatrixXd& points, VectorXd& means, VectorXd& deviations) const {
  const double variance = exp_of(parameters_.log_variance);
  MatrixXd kernel = square_distances(points_, scaled(points)), slopes(kernel.rows(), kernel.cols());
  matern(kernel.data(), kernel.data(), slopes.data(), kernel.size());
  kernel *= variance;
  means = kernel.transpose() * weights_;
  factor_.matrixL().solveInPlace(kernel);
  deviations = (variance - kernel.colwise().squaredNorm().array())
                   .max(1e-12 * variance)
                   .sqrt()
                   .matrix()
                   .transpose();
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
