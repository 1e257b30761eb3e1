// Minimizes a smooth function in a box by a projected L-BFGS: limited-memory quasi-Newton steps in
// the coordinates that are off their bounds (Nocedal 1980; Bertsekas 1982 for the projection).

#pragma once

#include <Eigen/Dense>
#include <functional>

namespace dl::scheduler {

// Gives the value at x and writes the gradient. Infinity is allowed: the step is shortened.
using SmoothFunction = std::function<double(const Eigen::VectorXd& x, Eigen::VectorXd& gradient)>;

struct MinimizerOptions {
  int steps_max = 50;
  double gradient_tolerance = 1e-6;  // Of the largest entry of the projected gradient.
  double value_tolerance = 1e-9;     // Of the relative gain of a step.
};

struct Minimum {
  Eigen::VectorXd x;
  double value = 0;
};

// `start` is inside [low, high].
Minimum minimize_in_box(const SmoothFunction& function, const Eigen::VectorXd& start,
                        const Eigen::VectorXd& low, const Eigen::VectorXd& high,
                        const MinimizerOptions& options = {});

}  // namespace dl::scheduler
