#include "scheduler/search/sampler/mixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/numeric/normal.h"

namespace dl::scheduler {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kTableSteps = 64;

// Takes the exponents of normal kernels at x from their components' logs.
DL_ALSO_FOR_AVX2 void add_normal_logs(std::size_t components, double x, const double* centres,
                                      const double* precisions, double* logs) {
  for (std::size_t j = 0; j < components; ++j)
    logs[j] -= precisions[j] * (x - centres[j]) * (x - centres[j]);
}

// logs[j] = exp(logs[j] − peak).
DL_ALSO_FOR_AVX2 void to_shares_of(double peak, std::size_t components, double* logs) {
  for (std::size_t j = 0; j < components; ++j) logs[j] = exp_of(logs[j] - peak);
}

DL_ALSO_FOR_AVX2 void to_logs_of(std::size_t count, double* values) {
  for (std::size_t i = 0; i < count; ++i) values[i] = log_of(values[i]);
}

// The normal distribution function of z >= 0 off a table, to 2e-7: thousands are needed for each
// suggestion, and nobody can tell the difference.
double quick_cdf(double z) {
  constexpr double kSteps = 512, kEnd = 8.5;
  static const auto kTable = [] {
    std::vector<double> table;
    for (std::size_t i = 0; i <= static_cast<std::size_t>(kEnd * kSteps) + 1; ++i)
      table.push_back(normal_cdf(static_cast<double>(i) / kSteps));
    return table;
  }();
  const double place = std::min(z, kEnd) * kSteps;
  const auto i = static_cast<std::size_t>(place);
  return kTable[i] + (place - static_cast<double>(i)) * (kTable[i + 1] - kTable[i]);
}

// log of the share of a normal kernel that lies in [0, 1], by its centre, for one width.
class LogShareTable {
 public:
  explicit LogShareTable(double width) {
    for (std::size_t i = 0; i <= kTableSteps / 2; ++i) {
      const double centre = static_cast<double>(i) / kTableSteps;
      logs_[i] = quick_cdf((1 - centre) / width) + quick_cdf(centre / width) - 1;
    }
    to_logs_of(kTableSteps / 2 + 1, logs_.data());
    std::reverse_copy(logs_.begin(), logs_.begin() + kTableSteps / 2,
                      logs_.begin() + kTableSteps / 2 + 1);
  }
  double at(double centre) const {
    const double place = centre * kTableSteps;
    const auto i = std::min(static_cast<std::size_t>(place), kTableSteps - 1);
    const double part = place - static_cast<double>(i);
    return logs_[i] + part * (logs_[i + 1] - logs_[i]);
  }

 private:
  std::array<double, kTableSteps + 1> logs_{};
};

}  // namespace

Mixture::Mixture(const UnitSpace& space, std::vector<std::size_t> axes,
                 std::span<const Point* const> points, std::span<const double> weights,
                 const MixtureOptions& options)
    : space_(space),
      axes_(std::move(axes)),
      options_(options),
      components_(points.size() + 1),
      points_(points.begin(), points.end()),
      kernels_(space.size()) {
  double total = 0;
  for (const double weight : weights) total += weight;
  const double average = points.empty() ? 1 : total / static_cast<double>(points.size());
  shares_.assign(weights.begin(), weights.end());
  shares_.push_back(options.prior_weight * average);
  total += shares_.back();
  for (double& share : shares_) {
    share /= total;
    log_weights_.push_back(log_of(share));
  }
  for (const std::size_t axis : axes_) {
    if (space.axis(axis).is_category())
      add_category(axis, points);
    else
      add_numeric(axis, points, weights);
  }
}

void Mixture::add_numeric(std::size_t axis, std::span<const Point* const> points,
                          std::span<const double> weights) {
  AxisKernels& kernels = kernels_[axis];
  kernels.centres.assign(components_, 0);
  kernels.precisions.assign(components_, 0);
  // Spread of the points, with the uniform prior as one more of average weight.
  double count = 0, mean = 0, total = 0, squares = 0;
  for (std::size_t j = 0; j < points.size(); ++j) {
    const double x = (*points[j])[axis];
    if (std::isnan(x)) continue;
    count += 1;
    total += weights[j];
    mean += weights[j] * x;
  }
  if (count == 0) return;
  mean /= total;
  for (std::size_t j = 0; j < points.size(); ++j) {
    const double x = (*points[j])[axis];
    if (!std::isnan(x)) squares += weights[j] * (x - mean) * (x - mean);
  }
  const double prior = total / count;
  const double spread = std::sqrt((squares + prior / 12) / (total + prior));
  const auto dimensions = static_cast<double>(axes_.size());
  const double scott = exp_of(-log_of(count + 1) / (dimensions + 4));
  double width_min = options_.width_min;
  if (space_.axis(axis).levels > 0) width_min = std::max(width_min, 0.5 / space_.axis(axis).levels);
  kernels.width = std::clamp(options_.width_factor * spread * scott, std::min(1.0, width_min), 1.0);

  const LogShareTable table(kernels.width);
  const double precision = 0.5 / (kernels.width * kernels.width);
  const double log_peak = log_of(0.3989422804014327 / kernels.width);
  for (std::size_t j = 0; j < points.size(); ++j) {
    const double x = (*points[j])[axis];
    if (std::isnan(x)) continue;
    kernels.centres[j] = x;
    kernels.precisions[j] = precision;
    log_weights_[j] += log_peak - table.at(x);
  }
}

void Mixture::add_category(std::size_t axis, std::span<const Point* const> points) {
  const Axis& shape = space_.axis(axis);
  AxisKernels& kernels = kernels_[axis];
  const double smoothing = options_.category_smoothing * shape.categories;
  kernels.other = smoothing / (smoothing + static_cast<double>(points.size()));
  kernels.own = 1 - kernels.other;
  kernels.logs.resize(components_ * shape.categories);
  for (std::size_t k = 0; k < shape.categories; ++k) {
    const double log_prior = log_of(shape.weights[k]);
    const double log_other = log_of(kernels.other * shape.weights[k]);
    const double log_own = log_of(kernels.own + kernels.other * shape.weights[k]);
    double* logs = kernels.logs.data() + k * components_;
    for (std::size_t j = 0; j < points.size(); ++j) {
      const double x = (*points[j])[axis];
      logs[j] = std::isnan(x) ? log_prior : x == static_cast<double>(k) ? log_own : log_other;
    }
    logs[components_ - 1] = log_prior;
  }
}

Point Mixture::sample(Point point, RandomStream& random) const {
  double left = random.uniform();
  std::size_t j = 0;
  while (j + 1 < components_ && (left -= shares_[j]) >= 0) ++j;
  const bool is_prior = j + 1 == components_;
  for (const std::size_t i : axes_) {
    const double share = random.uniform(), which = random.uniform();
    if (!space_.is_active(i, point)) continue;
    const AxisKernels& kernels = kernels_[i];
    const double centre = is_prior ? kNone : (*points_[j])[i];
    if (std::isnan(centre)) {
      point[i] = space_.coordinate_at_share(i, share);
    } else if (space_.axis(i).is_category()) {
      point[i] = which < kernels.own ? centre : space_.coordinate_at_share(i, share);
    } else {
      const double low = 1 - quick_cdf(centre / kernels.width);
      const double high = quick_cdf((1 - centre) / kernels.width);
      const double p = std::clamp(low + share * (high - low), 1e-16, 1 - 1e-16);
      point[i] =
          space_.snapped(i, std::clamp(centre + kernels.width * normal_quantile(p), 0.0, 1.0));
    }
  }
  return point;
}

void Mixture::add_log_density(std::span<const Point> points, double sign,
                              std::span<double> sums) const {
  std::vector<double> logs(components_);
  for (std::size_t c = 0; c < points.size(); ++c) {
    std::copy(log_weights_.begin(), log_weights_.end(), logs.begin());
    for (const std::size_t i : axes_) {
      const double x = points[c][i];
      if (std::isnan(x)) continue;
      const AxisKernels& kernels = kernels_[i];
      if (space_.axis(i).is_category()) {
        const double* of_category = kernels.logs.data() + static_cast<std::size_t>(x) * components_;
        for (std::size_t j = 0; j < components_; ++j) logs[j] += of_category[j];
      } else {
        add_normal_logs(components_, x, kernels.centres.data(), kernels.precisions.data(),
                        logs.data());
      }
    }
    const double peak = *std::max_element(logs.begin(), logs.end());
    double sum = 0;
    to_shares_of(peak, components_, logs.data());
    for (const double value : logs) sum += value;
    sums[c] += sign * (peak + log_of(sum));
  }
}

}  // namespace dl::scheduler
