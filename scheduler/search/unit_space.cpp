#include "scheduler/search/unit_space.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scheduler/search/numeric/elementary.h"

namespace dl::scheduler {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// A normal parameter is sampled between these quantiles: eight deviations out is nowhere.
constexpr double kTail = 1e-15;

double step_of(const Range& range) { return range.whole ? std::max(1.0, range.step) : range.step; }
double step_of(const Normal& normal) {
  return normal.whole ? std::max(1.0, normal.step) : normal.step;
}

double levels_of(const Range& range) {
  const double step = step_of(range);
  return step > 0 ? std::floor((range.high - range.low) / step + 1e-9) + 1 : 0;
}

// A range's ends and its scale: what is even lies between from and to.
struct Scaled {
  explicit Scaled(const Range& r) : range(r) {
    // Half a step more at each end, so that the end values get a whole cell.
    double half = step_of(range) / 2;
    if (half > 0)
      top = range.low + (levels_of(range) - 1) * step_of(range);
    else
      top = range.high;
    if (range.scale == Scale::kLog) half = std::min(half, range.low / 2);
    if (range.scale == Scale::kReverseLog) half = std::min(half, (range.ceiling - top) / 2);
    from = on_scale(range.low - half);
    to = on_scale(top + half);
  }
  double on_scale(double x) const {
    switch (range.scale) {
      case Scale::kLinear: return x;
      case Scale::kLog: return log_of(x);
      case Scale::kReverseLog: return -log_of(range.ceiling - x);
    }
    return x;
  }
  double off_scale(double t) const {
    switch (range.scale) {
      case Scale::kLinear: return t;
      case Scale::kLog: return exp_of(t);
      case Scale::kReverseLog: return range.ceiling - exp_of(-t);
    }
    return t;
  }
  double value(double u) const {
    double x = off_scale(from + u * (to - from));
    if (const double step = step_of(range); step > 0)
      x = range.low + std::round((x - range.low) / step) * step;
    return std::clamp(x, range.low, top);
  }
  double unit(double x) const {
    if (to <= from) return 0.5;
    return std::clamp((on_scale(std::clamp(x, range.low, top)) - from) / (to - from), 0.0, 1.0);
  }

  const Range& range;
  double top;
  double from, to;
};

// A normal parameter by its distribution function between its bounds.
struct Bell {
  explicit Bell(const Normal& n) : normal(n) {
    from = std::max(kTail, share_below(normal.low));
    to = std::min(1 - kTail, share_below(normal.high));
  }
  double share_below(double x) const {
    if (normal.log && x <= 0) return 0;
    if (std::isinf(x)) return x < 0 ? 0 : 1;
    return normal_cdf(((normal.log ? log_of(x) : x) - normal.mean) / normal.deviation);
  }
  double value(double u) const {
    const double z = normal_quantile(std::clamp(from + u * (to - from), kTail, 1 - kTail));
    double x = normal.mean + normal.deviation * z;
    if (normal.log) x = exp_of(x);
    if (const double step = step_of(normal); step > 0) {
      x = std::round(x / step) * step;
      if (x < normal.low) x = std::ceil(normal.low / step) * step;
      if (x > normal.high) x = std::floor(normal.high / step) * step;
      if (normal.log && x <= 0) x = step;
    }
    return std::clamp(x, normal.low, normal.high);
  }
  double unit(double x) const {
    return to > from ? std::clamp((share_below(x) - from) / (to - from), 0.0, 1.0) : 0.5;
  }

  const Normal& normal;
  double from, to;
};

ParameterValue number(double x, bool whole) {
  if (whole) return static_cast<std::int64_t>(std::llround(x));
  return x;
}

Axis axis_of(const Domain& domain) {
  Axis axis;
  if (const auto* range = std::get_if<Range>(&domain)) {
    axis.levels = levels_of(*range);
    if (axis.levels > 0) axis.kind = Axis::Kind::kStepped;
  } else if (const auto* numbers = std::get_if<Numbers>(&domain)) {
    axis.kind = Axis::Kind::kStepped;
    axis.levels = static_cast<double>(numbers->values.size());
  } else if (const auto* normal = std::get_if<Normal>(&domain)) {
    if (step_of(*normal) > 0) {
      axis.kind = Axis::Kind::kStepped;
      axis.levels = std::max(2.0, 16 * normal->deviation / step_of(*normal));
    }
  } else {
    const auto& choices = std::get<Choices>(domain);
    axis.kind = Axis::Kind::kCategory;
    axis.categories = static_cast<std::uint32_t>(choices.values.size());
    axis.weights = choices.weights;
    if (axis.weights.empty()) axis.weights.assign(axis.categories, 1.0);
    double total = 0;
    for (const double weight : axis.weights) total += weight;
    for (double& weight : axis.weights) weight /= total;
  }
  return axis;
}

bool are_equal(const ParameterValue& a, const ParameterValue& b) {
  const auto x = as_number(a), y = as_number(b);
  return x && y ? *x == *y : a == b;
}

}  // namespace

UnitSpace::UnitSpace(Parameters parameters, std::vector<Constraint> constraints)
    : parameters_(std::move(parameters)), constraints_(std::move(constraints)) {
  for (const Parameter& parameter : parameters_) {
    Axis axis = axis_of(parameter.domain);
    if (parameter.condition) {
      flat_ = false;
      const auto parent = std::find_if(
          parameters_.begin(), parameters_.end(),
          [&](const Parameter& other) { return other.name == parameter.condition->parent; });
      axis.parent = static_cast<int>(parent - parameters_.begin());
      if (const auto* choices = std::get_if<Choices>(&parent->domain)) {
        for (const ParameterValue& value : choices->values)
          axis.active_under.push_back(dl::is_active(parameter, {{parent->name, value}}));
      }
    }
    axes_.push_back(std::move(axis));
  }
}

bool UnitSpace::meets_constraints(const Point& point) const {
  if (constraints_.empty()) return true;
  const Assignment assignment = to_assignment(point);
  return std::all_of(constraints_.begin(), constraints_.end(),
                     [&](const Constraint& constraint) { return constraint.holds(assignment); });
}

bool UnitSpace::is_active(std::size_t i, const Point& point) const {
  const Axis& axis = axes_[i];
  if (axis.parent < 0) return true;
  const auto parent = static_cast<std::size_t>(axis.parent);
  if (std::isnan(point[parent])) return false;
  if (!axis.active_under.empty()) return axis.active_under[static_cast<std::size_t>(point[parent])];
  return dl::is_active(parameters_[i],
                       {{parameters_[parent].name, value_at(parent, point[parent])}});
}

ParameterValue UnitSpace::value_at(std::size_t i, double coordinate) const {
  const Domain& domain = parameters_[i].domain;
  if (const auto* range = std::get_if<Range>(&domain))
    return number(Scaled(*range).value(coordinate), range->whole);
  if (const auto* normal = std::get_if<Normal>(&domain))
    return number(Bell(*normal).value(coordinate), normal->whole);
  if (const auto* numbers = std::get_if<Numbers>(&domain)) {
    const auto count = static_cast<double>(numbers->values.size());
    const auto k = static_cast<std::size_t>(std::clamp(coordinate * count, 0.0, count - 1));
    return number(numbers->values[k], numbers->whole);
  }
  return std::get<Choices>(domain).values[static_cast<std::size_t>(coordinate)];
}

double UnitSpace::coordinate_of(std::size_t i, const ParameterValue& value) const {
  const Domain& domain = parameters_[i].domain;
  if (const auto* choices = std::get_if<Choices>(&domain)) {
    for (std::size_t k = 0; k < choices->values.size(); ++k) {
      if (are_equal(choices->values[k], value)) return static_cast<double>(k);
    }
    return 0;
  }
  const double x = as_number(value).value_or(0);
  if (const auto* range = std::get_if<Range>(&domain)) return Scaled(*range).unit(x);
  if (const auto* normal = std::get_if<Normal>(&domain)) return Bell(*normal).unit(x);
  const auto& numbers = std::get<Numbers>(domain).values;
  std::size_t nearest = 0;
  for (std::size_t k = 1; k < numbers.size(); ++k) {
    if (std::abs(numbers[k] - x) < std::abs(numbers[nearest] - x)) nearest = k;
  }
  return (static_cast<double>(nearest) + 0.5) / static_cast<double>(numbers.size());
}

Point UnitSpace::to_point(const Assignment& assignment) const {
  Point point(size(), kNone);
  for (std::size_t i = 0; i < size(); ++i) {
    const auto value = assignment.find(parameters_[i].name);
    if (value != assignment.end() && is_active(i, point))
      point[i] = coordinate_of(i, value->second);
  }
  return point;
}

Assignment UnitSpace::to_assignment(const Point& point) const {
  Assignment assignment;
  Point seen(size(), kNone);
  for (std::size_t i = 0; i < size(); ++i) {
    if (std::isnan(point[i]) || !is_active(i, seen)) continue;
    seen[i] = point[i];
    assignment.emplace(parameters_[i].name, value_at(i, point[i]));
  }
  return assignment;
}

double UnitSpace::snapped(std::size_t i, double coordinate) const {
  if (axes_[i].kind == Axis::Kind::kContinuous) return std::clamp(coordinate, 0.0, 1.0);
  if (axes_[i].is_category()) return coordinate;
  return coordinate_of(i, value_at(i, std::clamp(coordinate, 0.0, 1.0)));
}

double UnitSpace::neighbour(std::size_t i, double coordinate, int direction) const {
  const Domain& domain = parameters_[i].domain;
  const double x = as_number(value_at(i, coordinate)).value_or(0);
  if (const auto* numbers = std::get_if<Numbers>(&domain)) {
    const double cell = 1.0 / static_cast<double>(numbers->values.size());
    return snapped(i, coordinate + direction * cell);
  }
  double step = 0;
  if (const auto* range = std::get_if<Range>(&domain)) step = step_of(*range);
  if (const auto* normal = std::get_if<Normal>(&domain)) step = step_of(*normal);
  return snapped(i, coordinate_of(i, x + direction * step));
}

Point UnitSpace::normalized(Point point) const {
  for (std::size_t i = 0; i < size(); ++i)
    point[i] = is_active(i, point) && !std::isnan(point[i]) ? snapped(i, point[i]) : kNone;
  return point;
}

Point UnitSpace::completed(Point point) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (!is_active(i, point)) {
      point[i] = kNone;
    } else {
      point[i] = std::isnan(point[i]) ? coordinate_at_share(i, 0.5) : snapped(i, point[i]);
    }
  }
  return point;
}

double UnitSpace::coordinate_at_share(std::size_t i, double share) const {
  const Axis& axis = axes_[i];
  if (!axis.is_category()) return snapped(i, share);
  double left = share;
  for (std::uint32_t k = 0; k + 1 < axis.categories; ++k) {
    left -= axis.weights[k];
    if (left < 0) return k;
  }
  return axis.categories - 1;
}

Point UnitSpace::random_point(RandomStream& random) const {
  Point point(size(), kNone);
  for (std::size_t i = 0; i < size(); ++i) {
    // Drawn whether active or not, so that the parameters after it do not depend on that.
    const double coordinate = coordinate_at_share(i, random.uniform());
    if (is_active(i, point)) point[i] = coordinate;
  }
  return point;
}

}  // namespace dl::scheduler
