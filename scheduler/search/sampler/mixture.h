// Mixture is TPE's density over points, or over some of their axes: one product of kernels around
// each of some points, and the prior, weighted.
//
// A numeric axis has a normal kernel cut to [0, 1], of one width for all points; a category keeps
// most of its weight on the point's own. Where a point lacks an axis (a parameter that was not
// active), its kernel is the prior's.

#pragma once

#include <span>
#include <vector>

#include "scheduler/search/random_stream.h"
#include "scheduler/search/unit_space.h"

namespace dl::scheduler {

struct MixtureOptions {
  double width_factor = 1;  // Of the kernels' width, on Scott's rule.
  double width_min = 0.01;
  double category_smoothing =
      1;                    // Weight of the prior in a category's kernel, against 1 per point.
  double prior_weight = 1;  // Against 1 for the average point.
};

class Mixture {
 public:
  // Over `axes` of `space`, which outlives the mixture as the points do. `weights`: of each point,
  // not normalized.
  Mixture(const UnitSpace& space, std::vector<std::size_t> axes,
          std::span<const Point* const> points, std::span<const double> weights,
          const MixtureOptions& options);

  // `point` with new values on the mixture's axes, as far as they are active.
  Point sample(Point point, RandomStream& random) const;
  // Adds the log density at each point to `sums`, times `sign`. The axes that a point lacks count
  // 1.
  void add_log_density(std::span<const Point> points, double sign, std::span<double> sums) const;

 private:
  struct AxisKernels {
    std::vector<double> centres;     // Numeric: by component; 0 where lacking.
    std::vector<double> precisions;  // 1 ÷ (2 width²), or 0 where lacking.
    double width = 1;
    std::vector<double> logs;   // Category: log probability, by category, then component.
    double own = 0, other = 0;  // Category: share of a point's own category and of the prior.
  };

  void add_numeric(std::size_t axis, std::span<const Point* const> points,
                   std::span<const double> weights);
  void add_category(std::size_t axis, std::span<const Point* const> points);

  const UnitSpace& space_;
  std::vector<std::size_t> axes_;
  MixtureOptions options_;
  std::size_t components_ = 0;  // The last one is the prior.
  std::vector<const Point*> points_;
  std::vector<double> shares_;        // Normalized weights.
  std::vector<double> log_weights_;   // With the kernels' normalizing constants.
  std::vector<AxisKernels> kernels_;  // Of the axes in axes_, by axis.
};

}  // namespace dl::scheduler
