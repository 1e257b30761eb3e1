#include "model/spec/native/write_search.h"

#include <cmath>

#include "model/spec/build.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

Node number(double value) { return plain(format_real(value)); }

Node numbers(double a, double b) { return list({number(a), number(b)}); }

Node values_of(const std::vector<ParameterValue>& values) {
  Node node = list({});
  for (const ParameterValue& value : values) node.items.push_back(write_parameter_value(value));
  return node;
}

// One overload a kind of domain; each adds its keys to the parameter's mapping.
struct DomainWriter {
  Node& map;

  void operator()(const Range& range) const {
    constexpr std::string_view kScales[] = {"linear", "log", "reverse_log"};
    const std::string_view scale = kScales[static_cast<std::size_t>(range.scale)];
    const bool linear = range.scale == Scale::kLinear;
    put(map, range.whole ? "int" : linear ? "double" : scale, numbers(range.low, range.high));
    if (range.whole && !linear) put(map, "scale", plain(scale));
    if (range.step > (range.whole ? 1 : 0)) put(map, "step", number(range.step));
    if (range.scale == Scale::kReverseLog && range.ceiling != range.low + range.high)
      put(map, "ceiling", number(range.ceiling));
  }

  void operator()(const Numbers& listed) const {
    Node node = list({});
    for (const double value : listed.values) node.items.push_back(number(value));
    put(map, "values", std::move(node));
  }

  // Numbers that stand alone would be read as ordered ones.
  void operator()(const Choices& choices) const {
    bool all_numbers = true;
    for (const ParameterValue& value : choices.values) all_numbers &= as_number(value).has_value();
    put(map, all_numbers ? "categories" : "values", values_of(choices.values));
    if (choices.weights.empty()) return;
    Node weights = list({});
    for (const double weight : choices.weights) weights.items.push_back(number(weight));
    put(map, "weights", std::move(weights));
  }

  void operator()(const Normal& normal) const {
    put(map, normal.log ? "lognormal" : "normal", numbers(normal.mean, normal.deviation));
    if (std::isfinite(normal.low)) put(map, "low", number(normal.low));
    if (std::isfinite(normal.high)) put(map, "high", number(normal.high));
    if (normal.step > 0) put(map, "step", number(normal.step));
  }
};

Node write_parameter(const Parameter& parameter) {
  const bool bare = !parameter.initial && !parameter.condition;
  const auto* choices = std::get_if<Choices>(&parameter.domain);
  if (bare && parameter.is_constant() && choices->weights.empty())
    return write_parameter_value(choices->values.front());
  Node node = map();
  node.flow = true;
  std::visit(DomainWriter{node}, parameter.domain);
  if (parameter.points > 0) put(node, "points", plain(std::to_string(parameter.points)));
  if (parameter.initial) put(node, "default", write_parameter_value(*parameter.initial));
  if (parameter.condition) {
    const auto& values = parameter.condition->values;
    Node when = map();
    put(when, parameter.condition->parent,
        values.size() == 1 ? write_parameter_value(values.front()) : values_of(values));
    put(node, "when", std::move(when));
  }
  return node;
}

}  // namespace

Node write_parameter_value(const ParameterValue& value) {
  const bool is_text = std::holds_alternative<std::string>(value);
  return is_text ? text(std::get<std::string>(value)) : plain(dl::to_string(value));
}

Node write_parameters(const Parameters& parameters) {
  Node node = map();
  for (const Parameter& parameter : parameters)
    put(node, parameter.name, write_parameter(parameter));
  return node;
}

Node write_points(const Points& points) {
  Node node = list({});
  for (const Assignment& point : points) {
    Node each = map();
    each.flow = true;
    for (const auto& [name, value] : point) put(each, name, write_parameter_value(value));
    node.items.push_back(std::move(each));
  }
  return node;
}

Node write_constraints(const Constraints& constraints) {
  Node node = list({});
  for (const Constraint& constraint : constraints) node.items.push_back(text(constraint.text()));
  return node;
}

Node write_objectives(const Objectives& objectives) {
  Node node = list({});
  for (const Objective& objective : objectives) {
    Node each = map();
    each.flow = true;
    put(each, "metric", text(objective.metric));
    put(each, "goal", text(objective.goal));
    node.items.push_back(std::move(each));
  }
  return node;
}

}  // namespace dl::spec::native
