#include "model/spec/native/read_search.h"

#include <algorithm>
#include <set>

#include "model/spec/native/read_parameter.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

constexpr std::size_t kPointsMax = 1000;
constexpr std::size_t kConstraintsMax = 100;

std::string at(const std::string& path, std::size_t index) {
  return path + "[" + std::to_string(index) + "]";
}

// "[200, 200]": a list as the text that reads back as the list.
std::string flow_text(const Node& node) {
  if (node.kind != Node::Kind::kList) return node.text;
  std::string text = "[";
  for (const Node& item : node.items)
    text += (&item == &node.items.front() ? "" : ", ") + flow_text(item);
  return text + "]";
}

ParameterValue value_of_word(const std::string& text) {
  if (const auto truth = parse_bool(text)) return *truth;
  const bool negative = text.starts_with('-');
  const auto whole = parse_whole(std::string_view(text).substr(negative ? 1 : 0));
  if (whole && *whole <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    const auto value = static_cast<std::int64_t>(*whole);
    return negative ? -value : value;
  }
  if (const auto real = parse_real(text)) return *real;
  return text;
}

// Reads the conditions once all parameters are known, and puts parents before their children.
class ConditionReader {
 public:
  ConditionReader(const Node& map, const std::string& path, Parameters& parameters,
                  Problems& problems)
      : map_(map), path_(path), parameters_(parameters), problems_(problems) {}

  bool read() {
    for (Parameter& parameter : parameters_) {
      const Entry* entry = map_.find(parameter.name);
      const Entry* when = entry->value.is_map() ? entry->value.find("when") : nullptr;
      if (when != nullptr) read_when(parameter, *when);
    }
    if (ok_) sort_by_parents();
    return ok_;
  }

 private:
  void fail(const Mark& mark, const std::string& name, std::string message) {
    problems_.add(mark, join_path(join_path(path_, name), "when"), std::move(message));
    ok_ = false;
  }

  void read_when(Parameter& parameter, const Entry& when) {
    const Node& node = when.value;
    if (!node.is_map() || node.entries.size() != 1) {
      return fail(node.mark, parameter.name,
                  "must be one other parameter and its value or values, such as "
                  "{train.optimizer: sgd}, not " +
                      show(node));
    }
    const Entry& parent = node.entries.front();
    const auto found = std::find_if(parameters_.begin(), parameters_.end(),
                                    [&](const Parameter& p) { return p.name == parent.key; });
    if (parent.key == parameter.name)
      return fail(parent.mark, parameter.name, "makes the parameter depend on itself");
    if (found == parameters_.end()) {
      // One that is there and wrong has a problem of its own.
      if (map_.find(parent.key) != nullptr) return void(ok_ = false);
      std::vector<std::string_view> names;
      for (const Parameter& p : parameters_) names.push_back(p.name);
      return fail(parent.mark, parameter.name,
                  "no parameter " + quoted(parent.key) + advice(parent.key, names));
    }
    const auto* range = std::get_if<Range>(&found->domain);
    if (std::holds_alternative<Normal>(found->domain) || (range != nullptr && range->step == 0)) {
      return fail(parent.mark, parameter.name,
                  quoted(parent.key) +
                      " takes any number; a condition needs listed values or "
                      "whole numbers");
    }
    parameter.condition = Condition{parent.key, read_values(parameter.name, *found, parent.value)};
  }

  std::vector<ParameterValue> read_values(const std::string& name, const Parameter& parent,
                                          const Node& node) {
    std::vector<ParameterValue> values;
    const bool is_list = node.kind == Node::Kind::kList;
    if (is_list && node.items.empty()) fail(node.mark, name, "lists no value");
    for (const Node& item : is_list ? std::span(node.items) : std::span(&node, 1)) {
      const auto value = read_parameter_value(item);
      const auto fits = value ? fitted(parent.domain, *value) : std::nullopt;
      if (fits) {
        values.push_back(*fits);
      } else {
        fail(item.mark, name, quoted(parent.name) + " is never " + show(item));
      }
    }
    return values;
  }

  void sort_by_parents() {
    Parameters sorted;
    std::set<std::string> placed;
    while (sorted.size() < parameters_.size()) {
      const std::size_t before = sorted.size();
      for (Parameter& parameter : parameters_) {
        const bool ready = !parameter.condition || placed.contains(parameter.condition->parent);
        if (!ready || !placed.insert(parameter.name).second) continue;
        sorted.push_back(parameter);
      }
      if (sorted.size() > before) continue;
      const auto stuck = std::find_if(parameters_.begin(), parameters_.end(),
                                      [&](const auto& p) { return !placed.contains(p.name); });
      return fail(map_.find(stuck->name)->value.find("when")->mark, stuck->name,
                  "goes round in a circle: a parameter waits for itself");
    }
    parameters_ = std::move(sorted);
  }

  const Node& map_;
  const std::string& path_;
  Parameters& parameters_;
  Problems& problems_;
  bool ok_ = true;
};

}  // namespace

std::string show(const Node& node) {
  switch (node.kind) {
    case Node::Kind::kNull: return "nothing";
    case Node::Kind::kScalar: return quoted(node.text);
    case Node::Kind::kList: return "a list of " + std::to_string(node.items.size());
    case Node::Kind::kMap: return "a mapping";
  }
  return "nothing";
}

std::string advice(std::string_view word, const std::vector<std::string_view>& known) {
  const std::string_view meant = nearest(word, known);
  if (!meant.empty()) return "; did you mean " + quoted(meant) + "?";
  std::string listed;
  for (const auto name : known) {
    if (listed.size() > 200) return "; known here: " + listed + ", …";
    listed += (listed.empty() ? "" : ", ") + std::string(name);
  }
  return "; known here: " + listed;
}

std::optional<ParameterValue> read_parameter_value(const Node& node) {
  if (node.kind == Node::Kind::kList) return flow_text(node);
  if (node.kind != Node::Kind::kScalar || node.text.find('\0') != std::string::npos)
    return std::nullopt;
  if (node.quoted) return node.text;
  return value_of_word(node.text);
}

bool read_parameters(const Node& node, const std::string& path, Parameters& parameters,
                     Problems& problems) {
  if (!node.is_map() || node.entries.empty()) {
    problems.add(node.mark, path,
                 "must be a mapping of names to values, such as lr: {log: [1e-4, 1e-1]}, not " +
                     (node.is_map() ? "an empty one" : show(node)));
    return false;
  }
  if (node.entries.size() > kParametersMax) {
    problems.add(node.mark, path,
                 "has " + std::to_string(node.entries.size()) + " parameters; at most " +
                     std::to_string(kParametersMax) + " are searched");
    return false;
  }
  bool ok = true;
  for (const Entry& entry : node.entries) {
    const std::string name = join_path(path, entry.key);
    if (entry.key == "<<" || node.find(entry.key) != &entry) {
      ok = false;  // Reported when the document was read.
    } else if (!is_parameter_name(entry.key)) {
      problems.add(entry.mark, name,
                   quoted(entry.key) +
                       " is no name of a parameter; use letters, digits, \"_\", "
                       "\"-\" and \".\", the first a letter");
      ok = false;
    } else if (auto parameter = read_parameter(entry, name, problems)) {
      parameters.push_back(std::move(*parameter));
    } else {
      ok = false;
    }
  }
  return ConditionReader(node, path, parameters, problems).read() && ok;
}

bool read_points(const Node& node, const std::string& path, Points& points, Problems& problems) {
  if (node.kind != Node::Kind::kList || node.items.size() > kPointsMax) {
    problems.add(node.mark, path,
                 "must be a list of at most " + std::to_string(kPointsMax) +
                     " mappings, such as [{lr: 0.01}], not " + show(node));
    return false;
  }
  bool ok = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    Assignment point;
    if (!item.is_map()) {
      problems.add(item.mark, at(path, i),
                   "must be a mapping such as {lr: 0.01}, not " + show(item));
      ok = false;
    }
    for (const Entry& entry : item.entries) {
      if (auto value = read_parameter_value(entry.value)) {
        point[entry.key] = std::move(*value);
      } else {
        problems.add(entry.value.mark, join_path(at(path, i), entry.key),
                     "must be a value, not " + show(entry.value));
        ok = false;
      }
    }
    points.push_back(std::move(point));
  }
  return ok;
}

bool read_constraints(const Node& node, const std::string& path, Constraints& constraints,
                      Problems& problems) {
  if (node.kind != Node::Kind::kList || node.items.size() > kConstraintsMax) {
    problems.add(node.mark, path,
                 "must be a list of at most " + std::to_string(kConstraintsMax) +
                     " texts, such as [\"hidden2 <= hidden1\"], not " + show(node));
    return false;
  }
  bool ok = true;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    if (item.kind != Node::Kind::kScalar) {
      problems.add(item.mark, at(path, i),
                   "must be a text such as \"hidden2 <= hidden1\", not " + show(item));
      ok = false;
      continue;
    }
    auto constraint = Constraint::parse(item.text);
    if (constraint) {
      constraints.push_back(*std::move(constraint));
    } else {
      problems.add(item.mark, at(path, i), constraint.error().message);
      ok = false;
    }
  }
  return ok;
}

bool read_objectives(const Node& node, const std::string& path, Objectives& objectives,
                     Problems& problems) {
  if (node.kind != Node::Kind::kList || node.items.empty() || node.items.size() > 8) {
    problems.add(node.mark, path,
                 "must be a list of 1 to 8, such as [{metric: validation.accuracy, goal: "
                 "maximize}], not " +
                     show(node));
    return false;
  }
  bool ok = true;
  objectives.clear();
  const auto refuse = [&](const Mark& mark, const std::string& where, std::string message) {
    problems.add(mark, where, std::move(message));
    ok = false;
  };
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const Node& item = node.items[i];
    Objective objective;
    if (!item.is_map()) {
      refuse(item.mark, at(path, i), "must be a mapping of metric and goal, not " + show(item));
      continue;
    }
    for (const Entry& entry : item.entries) {
      const std::string name = join_path(at(path, i), entry.key);
      if (entry.key == "metric" && entry.value.kind == Node::Kind::kScalar) {
        objective.metric = entry.value.text;
      } else if (entry.key == "goal" &&
                 (entry.value.text == "minimize" || entry.value.text == "maximize")) {
        objective.goal = entry.value.text;
      } else if (entry.key == "goal") {
        refuse(entry.value.mark, name, "must be minimize or maximize, not " + show(entry.value));
      } else {
        refuse(entry.mark, name,
               "unknown key " + quoted(entry.key) + advice(entry.key, {"metric", "goal"}));
      }
    }
    if (ok && (objective.metric.empty() || objective.goal.empty()))
      refuse(item.mark, at(path, i), "needs a metric and a goal");
    objectives.push_back(std::move(objective));
  }
  return ok;
}

}  // namespace dl::spec::native
