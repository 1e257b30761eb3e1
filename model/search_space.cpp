#include "model/search_space.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace dl {
namespace {

constexpr std::uint64_t kMany = std::numeric_limits<std::uint64_t>::max();
// More values than this are counted, not listed.
constexpr std::uint64_t kListedMax = 1'000'000;

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};
template <class... Cases>
Overloaded(Cases...) -> Overloaded<Cases...>;

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  return __builtin_mul_overflow(a, b, &result) ? kMany : result;
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) {
  std::uint64_t result = 0;
  return __builtin_add_overflow(a, b, &result) ? kMany : result;
}

// 0.3 for 0.1 + 2 · 0.1: what was meant by a step, without the dust of binary fractions.
double without_dust(double value) {
  std::array<char, 40> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.12g", value);
  double clean = value;
  std::from_chars(text.data(), text.data() + length, clean);
  return clean;
}

bool is_whole(double value) { return std::trunc(value) == value && std::abs(value) <= 0x1p53; }

ParameterValue number(double value, bool whole) {
  if (whole) return static_cast<std::int64_t>(std::llround(value));
  return value;
}

double step_of(const Range& range) { return range.whole ? std::max(1.0, range.step) : range.step; }

bool is_on_step(double value, double origin, double step) {
  if (step == 0) return true;
  const double steps = (value - origin) / step;
  return std::abs(steps - std::round(steps)) <= 1e-6;
}

std::uint64_t steps_in(const Range& range) {
  const double steps = std::floor((range.high - range.low) / step_of(range) + 1e-9);
  return steps >= 0x1p62 ? kMany : static_cast<std::uint64_t>(steps) + 1;
}

// The number at `share` of the way through a range, on its scale.
double at_share(const Range& range, double share) {
  switch (range.scale) {
    case Scale::kLinear: return range.low + share * (range.high - range.low);
    case Scale::kLog: return range.low * std::pow(range.high / range.low, share);
    case Scale::kReverseLog: break;
  }
  const double from = range.ceiling - range.low;
  return range.ceiling - from * std::pow((range.ceiling - range.high) / from, share);
}

std::vector<ParameterValue> points_of(const Range& range, std::uint32_t points) {
  std::vector<ParameterValue> values;
  const double step = step_of(range);
  for (std::uint32_t i = 0; i < points; ++i) {
    double x = range.low;
    if (points == 1) {
      x = at_share(range, 0.5);
    } else if (i == points - 1) {
      x = range.high;
    } else if (i > 0) {
      x = at_share(range, static_cast<double>(i) / (points - 1));
    }
    if (step > 0) {
      const auto most = static_cast<double>(steps_in(range) - 1);
      x = range.low + std::min(most, std::round((x - range.low) / step)) * step;
    }
    const ParameterValue value = number(without_dust(x), range.whole);
    if (values.empty() || values.back() != value) values.push_back(value);
  }
  return values;
}

std::vector<ParameterValue> steps_of(const Range& range) {
  std::vector<ParameterValue> values;
  const std::uint64_t steps = std::min(steps_in(range), kListedMax);
  for (std::uint64_t i = 0; i < steps; ++i) {
    const double x = range.low + static_cast<double>(i) * step_of(range);
    values.push_back(number(without_dust(x), range.whole));
  }
  return values;
}

bool is_same(const ParameterValue& a, const ParameterValue& b) {
  const auto x = as_number(a), y = as_number(b);
  return x && y ? *x == *y : a == b;
}

bool is_in(const Normal& normal, double x) {
  return x >= normal.low && x <= normal.high && (!normal.log || x > 0) &&
         is_on_step(x, 0, normal.step) && (!normal.whole || is_whole(x));
}

bool is_in(const Range& range, double x) {
  return x >= range.low && x <= range.high && (!range.whole || is_whole(x)) &&
         is_on_step(x, range.low, step_of(range));
}

// The values on a parameter's grid that one of its children waits for, each once.
std::vector<ParameterValue> awaited_values(const Parameter& parameter,
                                           std::span<const Parameter* const> children) {
  const bool lists = parameter.points > 0;
  const auto listed = lists ? grid_values(parameter) : std::vector<ParameterValue>{};
  std::vector<ParameterValue> awaited;
  for (const Parameter* child : children) {
    for (const ParameterValue& value : child->condition->values) {
      const auto is_value = [&](const ParameterValue& other) { return is_same(other, value); };
      const bool on_grid = !lists || std::any_of(listed.begin(), listed.end(), is_value);
      if (on_grid && std::none_of(awaited.begin(), awaited.end(), is_value))
        awaited.push_back(value);
    }
  }
  return awaited;
}

}  // namespace

std::string to_string(const ParameterValue& value) {
  const auto digits = [](auto x) {
    std::array<char, 40> text{};
    const auto end = std::to_chars(text.data(), text.data() + text.size(), x).ptr;
    return std::string(text.data(), end);
  };
  return std::visit(Overloaded{[](bool x) { return std::string(x ? "true" : "false"); },
                               [](const std::string& x) { return x; }, digits},
                    value);
}

std::optional<double> as_number(const ParameterValue& value) {
  if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

bool Parameter::is_constant() const {
  const auto* choices = std::get_if<Choices>(&domain);
  return choices != nullptr && choices->values.size() == 1;
}

bool contains(const Domain& domain, const ParameterValue& value) {
  if (const auto* choices = std::get_if<Choices>(&domain)) {
    return std::any_of(choices->values.begin(), choices->values.end(),
                       [&](const ParameterValue& v) { return is_same(v, value); });
  }
  const auto x = as_number(value);
  if (!x || !std::isfinite(*x)) return false;
  if (const auto* numbers = std::get_if<Numbers>(&domain)) {
    return std::find(numbers->values.begin(), numbers->values.end(), *x) != numbers->values.end();
  }
  if (const auto* range = std::get_if<Range>(&domain)) return is_in(*range, *x);
  return is_in(std::get<Normal>(domain), *x);
}

std::optional<ParameterValue> fitted(const Domain& domain, const ParameterValue& value) {
  if (!contains(domain, value)) return std::nullopt;
  return std::visit(
      Overloaded{[&](const Choices& choices) {
                   return *std::find_if(choices.values.begin(), choices.values.end(),
                                        [&](const ParameterValue& v) { return is_same(v, value); });
                 },
                 [&](const auto& numeric) { return number(*as_number(value), numeric.whole); }},
      domain);
}

bool is_active(const Parameter& parameter, const Assignment& assignment) {
  if (!parameter.condition) return true;
  const auto parent = assignment.find(parameter.condition->parent);
  if (parent == assignment.end()) return false;
  const auto& values = parameter.condition->values;
  return std::any_of(values.begin(), values.end(),
                     [&](const ParameterValue& v) { return is_same(v, parent->second); });
}

std::vector<ParameterValue> grid_values(const Parameter& parameter) {
  if (const auto* choices = std::get_if<Choices>(&parameter.domain)) return choices->values;
  std::vector<ParameterValue> values;
  if (const auto* numbers = std::get_if<Numbers>(&parameter.domain)) {
    for (const double x : numbers->values) values.push_back(number(x, numbers->whole));
  } else if (const auto* range = std::get_if<Range>(&parameter.domain)) {
    if (parameter.points > 0) return points_of(*range, parameter.points);
    if (step_of(*range) > 0) return steps_of(*range);
  }
  return values;
}

std::uint64_t count_grid_values(const Parameter& parameter) {
  const auto* range = std::get_if<Range>(&parameter.domain);
  if (range != nullptr && parameter.points == 0 && step_of(*range) > 0) return steps_in(*range);
  return grid_values(parameter).size();
}

std::uint64_t count_grid(std::span<const Parameter> parameters) {
  std::uint64_t total = 1;
  std::map<std::string, std::uint64_t> points;  // Of each parameter with all below it.
  // Children first: each stands behind its parent.
  for (std::size_t i = parameters.size(); i-- > 0;) {
    const Parameter& parameter = parameters[i];
    std::vector<const Parameter*> children;
    for (const Parameter& other : parameters.subspan(i + 1)) {
      if (other.condition && other.condition->parent == parameter.name) children.push_back(&other);
    }
    // Beside most values there is no child; those that children wait for count for more.
    std::uint64_t count = count_grid_values(parameter);
    const auto awaited =
        count == 0 ? std::vector<ParameterValue>{} : awaited_values(parameter, children);
    for (const ParameterValue& value : awaited) {
      std::uint64_t under = 1;
      for (const Parameter* child : children) {
        if (is_active(*child, {{parameter.name, value}}))
          under = product(under, points[child->name]);
      }
      count = sum(count - 1, under);
    }
    points[parameter.name] = count;
    if (!parameter.condition) total = product(total, count);
  }
  return total;
}

}  // namespace dl
