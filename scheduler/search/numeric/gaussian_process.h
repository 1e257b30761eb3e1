// A Gaussian process on points in a cube, for functions that cost much to evaluate: Matérn 5/2
// kernel with a length scale for each group of columns, constant mean 0, normal noise.
//
// Rasmussen and Williams 2006, chapters 2 and 5. Values are expected to have mean 0 and variance 1.

#pragma once

#include <Eigen/Dense>
#include <optional>
#include <vector>

namespace dl::scheduler {

// Logarithms, so that any real numbers will do.
struct KernelParameters {
  Eigen::VectorXd log_lengths;  // One per group.
  double log_variance = 0;
  double log_noise = -9;  // Variance of the noise.
};

class GaussianProcess {
 public:
  // `groups[c]` is the length scale that column c of `points` uses. Rows are points.
  GaussianProcess(Eigen::MatrixXd points, Eigen::VectorXd values, std::vector<int> groups,
                  KernelParameters parameters);

  struct Belief {
    double mean = 0;
    double deviation = 0;  // Of the function, without the noise.
  };
  Belief at(const Eigen::VectorXd& point) const;
  // And the gradients by the point.
  Belief at(const Eigen::VectorXd& point, Eigen::VectorXd& mean_gradient,
            Eigen::VectorXd& deviation_gradient) const;
  // Of many points, rows of `points`.
  void at_all(const Eigen::MatrixXd& points, Eigen::VectorXd& means,
              Eigen::VectorXd& deviations) const;
  // The means at the points that it was made of, in their order: at() of each, at no cost.
  Eigen::VectorXd means() const { return values_ - noise_ * weights_; }

  const KernelParameters& parameters() const { return parameters_; }

 private:
  // Points divided by their columns' length scales.
  Eigen::MatrixXd scaled(const Eigen::MatrixXd& points) const;

  std::vector<int> groups_;
  KernelParameters parameters_;
  Eigen::RowVectorXd inverse_lengths_;  // By column.
  Eigen::MatrixXd points_;              // Scaled.
  Eigen::VectorXd values_;
  double noise_ = 0;  // On the diagonal of the kernel matrix K.
  // With K + noise = L Lᵀ:
  Eigen::MatrixXd inverse_factor_;  // L⁻¹, a lower triangle.
  Eigen::VectorXd weights_;         // (K + noise)⁻¹ values.
};

struct KernelPrior {
  double log_length_mean = 0;  // Normal priors on the logarithms.
  double log_length_deviation = 1;
  double log_variance_deviation = 1;  // About 0.
  double log_noise_mean = -9;
  double log_noise_deviation = 2;
};

// The parameters of greatest posterior density, by L-BFGS from `start`.
KernelParameters fit_kernel(const Eigen::MatrixXd& points, const Eigen::VectorXd& values,
                            const std::vector<int>& groups, const KernelPrior& prior,
                            const KernelParameters& start, double* negative_log_density = nullptr);

}  // namespace dl::scheduler
