// Losses bent towards a normal shape, so that one bad trial does not flatten the rest.

#pragma once

#include <Eigen/Dense>

namespace dl::scheduler {

// Box and Cox' power transform of the losses above the least one, then shifted and scaled to mean 0
// and variance 1. power 1 changes nothing but that, 0 is a logarithm. Infinite losses become the
// worst finite one. `log_slope`: Σ log of the transform's derivative, to compare likelihoods by.
Eigen::VectorXd power_transformed(const Eigen::VectorXd& losses, double power,
                                  double* log_slope = nullptr);

}  // namespace dl::scheduler
