#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "scheduler/search/numeric/box_minimizer.h"
#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/numeric/gaussian_process.h"
#include "scheduler/search/numeric/normal.h"
#include "scheduler/search/numeric/power_transform.h"
#include "scheduler/search/numeric/sobol_sequence.h"
#include "scheduler/search/random_stream.h"

using namespace dl::scheduler;
using Eigen::MatrixXd;
using Eigen::VectorXd;

TEST_CASE("exp and log agree with the C library", "[numeric]") {
  RandomStream random(1, 2);
  for (int i = 0; i < 20'000; ++i) {
    const double x = (random.uniform() - 0.5) * 1200;
    CHECK(exp_of(x) == Approx(std::exp(x)).epsilon(1e-15));
    const double y = std::exp(x / 2);
    CHECK(std::abs(log_of(y) - std::log(y)) <= 1e-15 * std::max(1.0, std::abs(std::log(y))));
  }
  CHECK(exp_of(0) == 1);
  CHECK(log_of(1) == 0);
  CHECK(exp_of(-1e9) == 0);
  CHECK(std::isinf(log_of(0)));
}

TEST_CASE("the normal distribution and its quantile are each other's inverse", "[numeric]") {
  for (double z = -8; z <= 8; z += 0.01)
    CHECK(normal_cdf(z) == Approx(0.5 * std::erfc(-z / std::sqrt(2.0))).epsilon(1e-9));
  for (double p = 1e-12; p < 1; p = p < 0.01 ? p * 3 : p + 0.01)
    CHECK(normal_cdf(normal_quantile(p)) == Approx(p).epsilon(1e-9));
}

TEST_CASE("log_improvement is smooth far below the target and has the slope it says", "[numeric]") {
  for (const double z : {-150.0, -99.0, -20.0, -4.1, -3.9, -1.0, 0.0, 2.0}) {
    const double h = 1e-5 * std::max(1.0, std::abs(z));
    const double slope = (log_improvement(z + h).value - log_improvement(z - h).value) / (2 * h);
    CHECK(log_improvement(z).slope == Approx(slope).epsilon(1e-4));
  }
}

TEST_CASE("Sobol points fill every elementary interval once, scrambled or not", "[numeric]") {
  const SobolSequence sequence(64, 7);
  for (const std::size_t axis : {0, 1, 2, 17, 63}) {
    std::set<int> cells;
    for (std::uint32_t i = 0; i < 64; ++i)
      cells.insert(static_cast<int>(sequence.point(i)[axis] * 64));
    CHECK(cells.size() == 64);
  }
  // Axes 0 and 1 are a (0, 2)-sequence: 4 × 4 boxes get one point each of 16.
  std::set<int> boxes;
  for (std::uint32_t i = 0; i < 16; ++i) {
    const auto p = sequence.point(i);
    boxes.insert(static_cast<int>(p[0] * 4) * 4 + static_cast<int>(p[1] * 4));
  }
  CHECK(boxes.size() == 16);
  CHECK(SobolSequence(2, 8).point(3) != SobolSequence(2, 7).point(3));
}

TEST_CASE("minimize_in_box finds the minimum inside and on the bounds", "[numeric]") {
  const SmoothFunction rosenbrock = [](const VectorXd& x, VectorXd& gradient) {
    const double a = x[1] - x[0] * x[0], b = 1 - x[0];
    gradient.resize(2);
    gradient << -400 * a * x[0] - 2 * b, 200 * a;
    return 100 * a * a + b * b;
  };
  const VectorXd low = VectorXd::Constant(2, -2), high = VectorXd::Constant(2, 2);
  const VectorXd start = (VectorXd(2) << -1.2, 1).finished();
  const MinimizerOptions patient{
      .steps_max = 200, .gradient_tolerance = 1e-9, .value_tolerance = 0};
  CHECK(minimize_in_box(rosenbrock, start, low, high, patient).value < 1e-10);
  // With x0 ≤ 0.5 the least is on the bound: x1 = 0.25, value 0.25.
  const VectorXd half = (VectorXd(2) << 0.5, 2).finished();
  const Minimum bound = minimize_in_box(rosenbrock, start, low, half, patient);
  CHECK(bound.value == Approx(0.25).margin(1e-6));
  CHECK(bound.x[0] == 0.5);
}

namespace {

struct Sample {
  MatrixXd points;
  VectorXd values;
};

Sample waves(Eigen::Index count) {
  RandomStream random(3, 1);
  Sample sample{MatrixXd(count, 2), VectorXd(count)};
  for (Eigen::Index i = 0; i < count; ++i) {
    sample.points(i, 0) = random.uniform();
    sample.points(i, 1) = random.uniform();
    sample.values[i] = std::sin(6 * sample.points(i, 0));  // The second column says nothing.
  }
  return sample;
}

}  // namespace

TEST_CASE("a Gaussian process learns which column matters and predicts between points",
          "[numeric]") {
  const Sample sample = waves(40);
  KernelParameters start;
  start.log_lengths = VectorXd::Zero(2);
  const KernelParameters kernel =
      fit_kernel(sample.points, sample.values, {0, 1}, {.log_length_deviation = 2}, start);
  CHECK(kernel.log_lengths[1] > kernel.log_lengths[0] + 1);
  const GaussianProcess process(sample.points, sample.values, {0, 1}, kernel);
  const auto inside = process.at((VectorXd(2) << 0.4, 0.5).finished());
  CHECK(inside.mean == Approx(std::sin(2.4)).margin(0.02));
  const auto outside = process.at((VectorXd(2) << 3, 0.5).finished());
  CHECK(outside.deviation > 10 * inside.deviation);

  VectorXd means, deviations;
  process.at_all(sample.points.topRows(5), means, deviations);
  for (Eigen::Index i = 0; i < 5; ++i) {
    const auto one = process.at(sample.points.row(i).transpose());
    CHECK(means[i] == Approx(one.mean).margin(1e-6));
    CHECK(deviations[i] == Approx(one.deviation).margin(1e-3));
  }
}

TEST_CASE("a Gaussian process believes what the textbook says", "[numeric]") {
  // More points than what is inverted at once. Rasmussen and Williams 2006, equations 2.25, 2.26.
  const Sample sample = waves(101);
  KernelParameters parameters;
  parameters.log_lengths = VectorXd::Constant(2, std::log(0.3));
  parameters.log_noise = std::log(0.01);
  const auto kernel = [&](const MatrixXd& a, const MatrixXd& b) {
    MatrixXd k(a.rows(), b.rows());
    for (Eigen::Index i = 0; i < a.rows(); ++i) {
      for (Eigen::Index j = 0; j < b.rows(); ++j) {
        const double r = std::sqrt(5.0) * (a.row(i) - b.row(j)).norm() / 0.3;
        k(i, j) = (1 + r + r * r / 3) * std::exp(-r);
      }
    }
    return k;
  };
  const MatrixXd asked = waves(7).points.array() + 0.05;
  MatrixXd noisy = kernel(sample.points, sample.points);
  noisy.diagonal().array() += 0.01;
  const MatrixXd inverse = noisy.inverse(), across = kernel(asked, sample.points);

  const GaussianProcess process(sample.points, sample.values, {0, 1}, parameters);
  VectorXd means, deviations;
  process.at_all(asked, means, deviations);
  for (Eigen::Index i = 0; i < asked.rows(); ++i) {
    const double mean = across.row(i) * inverse * sample.values;
    const double variance = 1 - across.row(i) * inverse * across.row(i).transpose();
    const auto one = process.at(asked.row(i).transpose());
    CHECK(one.mean == Approx(mean).margin(1e-6));
    CHECK(one.deviation == Approx(std::sqrt(variance)).epsilon(1e-5));
    CHECK(means[i] == Approx(mean).margin(1e-6));
    CHECK(deviations[i] == Approx(std::sqrt(variance)).epsilon(1e-5));
  }
  const VectorXd own = process.means();
  for (Eigen::Index i = 0; i < own.size(); ++i) {
    CHECK(own[i] == Approx(process.at(sample.points.row(i).transpose()).mean).margin(1e-6));
  }
}

TEST_CASE("kernel parameters come to the same density wherever they start", "[numeric]") {
  const Sample sample = waves(101);
  KernelParameters start;
  start.log_lengths = VectorXd::Zero(2);
  const auto least_from = [&](const KernelParameters& from) {
    double value = 0;
    fit_kernel(sample.points, sample.values, {0, 1}, {}, from, &value);
    return value;
  };
  KernelParameters elsewhere = start;
  elsewhere.log_lengths << -1.5, 1;
  elsewhere.log_noise = -5;
  CHECK(least_from(start) == Approx(least_from(elsewhere)).epsilon(1e-3));
}

TEST_CASE("a Gaussian process' gradients are those of its beliefs", "[numeric]") {
  const Sample sample = waves(15);
  KernelParameters kernel;
  kernel.log_lengths = (VectorXd(2) << -0.5, 0.3).finished();
  const GaussianProcess process(sample.points, sample.values, {0, 1}, kernel);
  VectorXd mean_gradient, deviation_gradient;
  const VectorXd x = (VectorXd(2) << 0.31, 0.72).finished();
  process.at(x, mean_gradient, deviation_gradient);
  for (Eigen::Index k = 0; k < 2; ++k) {
    const VectorXd step = 1e-6 * VectorXd::Unit(2, k);
    const auto up = process.at(x + step), down = process.at(x - step);
    CHECK(mean_gradient[k] == Approx((up.mean - down.mean) / 2e-6).epsilon(1e-3).margin(1e-6));
    CHECK(deviation_gradient[k] ==
          Approx((up.deviation - down.deviation) / 2e-6).epsilon(1e-3).margin(1e-6));
  }
}

TEST_CASE("power_transformed keeps the order and takes infinity for the worst", "[numeric]") {
  VectorXd losses(5);
  losses << 3, 1, 1000, std::numeric_limits<double>::infinity(), 2;
  for (const double power : {1.0, 0.5, 0.0}) {
    const VectorXd values = power_transformed(losses, power);
    CHECK(values[1] < values[4]);
    CHECK(values[4] < values[0]);
    CHECK(values[0] < values[2]);
    CHECK(values[2] == values[3]);
    CHECK(values.mean() == Approx(0).margin(1e-12));
  }
}
