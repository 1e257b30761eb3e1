#include "model/spec/native/check_search.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "model/spec/assignment.h"
#include "model/spec/native/check_parameter.h"
#include "model/spec/native/read.h"
#include "model/spec/native/read_search.h"
#include "model/spec/substitute.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

// Different words of a command that are looked at; a longer text is not written by hand.
constexpr std::size_t kWordsMax = 1000;

constexpr std::array<std::string_view, 4> kHalving = {"asha", "hyperband", "bohb",
                                                      "successive_halving"};

bool is_halving(const SearchSpec& search) {
  return search.early_stopping.rule == "asha" ||
         std::find(kHalving.begin(), kHalving.end(), search.algorithm) != kHalving.end();
}

class SearchChecker {
 public:
  SearchChecker(const Node& root, JobSpec& job, Problems& problems)
      : root_(root), job_(job), search_(*job.search), problems_(problems) {
    const Entry* parameters = find_entry(root, "search.parameters");
    if (parameters != nullptr && parameters->value.is_map()) parameters_ = &parameters->value;
  }

  void check() {
    check_objectives();
    if (!is_given("search.parameters"))
      fail("search.parameters",
           "is missing; name what to vary, such as "
           "train.learning_rate: {log: [1e-4, 1e-1]}");
    for (Parameter& parameter : search_.parameters)
      check_parameter(*parameters_->find(parameter.name), root_, job_, parameter, problems_);
    check_words();
    check_points();
    check_constraints();
    check_trials();
    check_halving();
  }

 private:
  void fail(std::string_view path, std::string message) {
    if (problems_.touch(path)) return;
    problems_.add(place_of(root_, path), std::string(path), std::move(message));
  }

  // A parameter that is there, even if its values are wrong.
  bool is_named(std::string_view name) const {
    return parameters_ != nullptr && parameters_->find(name) != nullptr;
  }

  bool is_given(std::string_view path) const { return find_entry(root_, path) != nullptr; }

  void check_objectives() {
    if (is_given("search.objectives")) {
      for (const char* key : {"search.metric", "search.goal"}) {
        if (is_given(key)) fail(key, "stands beside search.objectives; keep one of them");
      }
      return check_front();
    }
    if (!is_given("search.metric") || search_.objectives.front().metric.empty()) {
      fail("search.metric",
           "is missing; name the metric that trials report, such as validation.accuracy");
    }
    if (!is_given("search.goal")) fail("search.goal", "is missing; write minimize or maximize");
  }

  void check_front() {
    std::set<std::string> metrics;
    for (const Objective& objective : search_.objectives) {
      if (!metrics.insert(objective.metric).second)
        fail("search.objectives", "has the metric " + quoted(objective.metric) + " twice");
    }
    if (search_.objectives.size() < 2) return;
    const std::string reason = " needs a single objective; take one, or algorithm: tpe";
    if (is_halving(search_) || search_.algorithm == "pbt" || search_.algorithm == "cmaes")
      fail("search.algorithm", search_.algorithm + reason);
    if (search_.early_stopping.rule != "none") fail("search.early_stopping.rule", "it" + reason);
    if (search_.stop.target) fail("search.stop.target", "it needs a single objective");
  }

  // "${lr}" without a parameter, and a parameter without its "${lr}".
  void check_words() {
    std::set<std::string> used;
    const auto check_text = [&](const Entry* entry, const std::string& path, TextKind kind) {
      if (entry == nullptr) return;
      for (const Use& use : find_uses(entry->value.text, kind))
        check_use(use, *entry, path, kind, used);
    };
    check_text(root_.find("command"), "command", TextKind::kCommand);
    if (const Entry* roles = root_.find("roles")) {
      for (const Entry& role : roles->value.entries)
        check_text(role.value.find("command"), "roles." + role.key + ".command",
                   TextKind::kCommand);
    }
    if (const Entry* env = root_.find("env")) {
      for (const Entry& variable : env->value.entries)
        check_text(&variable, "env." + variable.key, TextKind::kEnvironment);
    }
    if (used.contains("search.args") || used.contains("search.json")) return;
    for (const Parameter& parameter : search_.parameters) {
      if (key_of_parameter(parameter.name, job_.model.has_value()) == nullptr &&
          !used.contains(parameter.name)) {
        refuse_unused(parameter);
      }
    }
  }

  void check_use(const Use& use, const Entry& entry, const std::string& path, TextKind kind,
                 std::set<std::string>& used) {
    const auto found = std::find_if(search_.parameters.begin(), search_.parameters.end(),
                                    [&](const Parameter& p) { return p.name == use.name; });
    const bool is_macro = use.name == "search.args" || use.name == "search.json";
    const bool is_new = used.insert(use.name).second;
    if (found == search_.parameters.end() && !is_macro) {
      if (is_new && !is_named(use.name) && !problems_.full() && used.size() <= kWordsMax)
        refuse_use(use, entry, path, kind);
      return;
    }
    if (use.in_backticks) {
      problems_.add(entry.value.mark, path,
                    "${" + use.name + "} stands in backticks; write $(…) in their place");
    }
    if (!is_macro && key_of_parameter(use.name, job_.model.has_value()) != nullptr) {
      problems_.add(entry.value.mark, path,
                    "${" + use.name + "} is a key of the spec, which the search sets itself");
    } else if (!is_macro && found->condition && !found->initial) {
      problems_.add(entry.value.mark, path,
                    "${" + use.name + "} is not there for every " + found->condition->parent +
                        "; give the parameter a default, or write ${search.args}");
    }
  }

  void refuse_use(const Use& use, const Entry& entry, const std::string& path, TextKind kind) {
    const bool of_shell = kind == TextKind::kCommand ? is_shell_variable(use.name, entry.value.text)
                                                     : is_shell_variable(use.name, "");
    if (of_shell || use.name.find('-') != std::string::npos || job_.env.contains(use.name)) return;
    std::vector<std::string_view> names = {"search.args", "search.json"};
    for (const Parameter& parameter : search_.parameters) names.push_back(parameter.name);
    const auto meant = nearest(use.name, names);
    const bool may_be_shell = kind == TextKind::kCommand && use.name.find('.') == std::string::npos;
    const std::string way_out =
        "; define it below search.parameters" +
        (may_be_shell ? ", or write $" + use.name + " for a variable of the shell" : "");
    problems_.add(entry.value.mark, path,
                  "${" + use.name + "} is no parameter of the search" +
                      (meant.empty() ? way_out : "; did you mean ${" + std::string(meant) + "}?"));
  }

  void refuse_unused(const Parameter& parameter) {
    if (problems_.touch("search.parameters." + parameter.name)) return;
    std::string way_out =
        "write ${" + parameter.name + "} or ${search.args} in a command, or remove the parameter";
    if (job_.model) {
      way_out = "remove the parameter";
      for (const Key& key : keys()) {
        if (last_part(key.path) == last_part(parameter.name) &&
            key_of_parameter(key.path, true) == &key) {
          way_out = "did you mean " + quoted(key.path) + "?";
          break;
        }
      }
    }
    problems_.add(parameters_->find(parameter.name)->mark, "search.parameters." + parameter.name,
                  "is neither a key of the spec nor used; " + way_out);
  }

  void check_points() {
    const Entry* list = find_entry(root_, "search.initial_points");
    if (list == nullptr || list->value.kind != Node::Kind::kList) return;
    for (std::size_t i = 0; i < search_.initial_points.size(); ++i) {
      check_point(list->value.items[i], "search.initial_points[" + std::to_string(i) + "]",
                  search_.initial_points[i]);
    }
  }

  void check_point(const Node& node, const std::string& path, Assignment& point) {
    std::vector<std::string_view> names;
    bool ok = true;
    for (const Parameter& parameter : search_.parameters) {
      names.push_back(parameter.name);
      const Entry* entry = node.find(parameter.name);
      if (entry == nullptr) continue;
      const auto value = point.find(parameter.name);
      if (value == point.end()) {
        ok = false;  // Reported when it was read.
      } else if (const auto fits = fitted(parameter.domain, value->second)) {
        value->second = *fits;
      } else {
        ok = false;
        problems_.add(entry->value.mark, join_path(path, parameter.name),
                      "is outside its parameter's values: " + show(entry->value));
      }
    }
    for (const Entry& entry : node.entries) {
      ok = ok && std::find(names.begin(), names.end(), entry.key) != names.end();
      if (is_named(entry.key) || problems_.full()) continue;
      problems_.add(entry.mark, join_path(path, entry.key),
                    "no parameter " + quoted(entry.key) + advice(entry.key, names));
    }
    for (const Parameter& parameter : search_.parameters) {
      const bool is_lost = ok && point.contains(parameter.name) && parameter.condition &&
                           point.contains(parameter.condition->parent) &&
                           !is_active(parameter, point);
      if (is_lost) {
        problems_.add(node.find(parameter.name)->mark, join_path(path, parameter.name),
                      "is not there beside this " + parameter.condition->parent);
      }
    }
    for (const Constraint& constraint : search_.constraints) {
      if (ok && !constraint.holds(point))
        problems_.add(node.mark, path, "breaks the constraint " + quoted(constraint.text()));
    }
  }

  void check_constraints() {
    const Entry* list = find_entry(root_, "search.constraints");
    if (list == nullptr) return;
    for (std::size_t i = 0; i < list->value.items.size(); ++i) {
      const Node& node = list->value.items[i];
      const auto constraint = Constraint::parse(node.text);
      if (constraint && node.kind == Node::Kind::kScalar)
        check_constraint(*constraint, node, "search.constraints[" + std::to_string(i) + "]");
    }
  }

  void check_constraint(const Constraint& constraint, const Node& node, const std::string& path) {
    if (constraint.names().empty()) problems_.add(node.mark, path, "speaks of no parameter");
    std::vector<std::string_view> names;
    for (const Parameter& parameter : search_.parameters) names.push_back(parameter.name);
    for (const std::string& name : constraint.names()) {
      const auto found = std::find_if(search_.parameters.begin(), search_.parameters.end(),
                                      [&](const Parameter& p) { return p.name == name; });
      if (found == search_.parameters.end()) {
        if (!is_named(name))
          problems_.add(node.mark, path, "no parameter " + quoted(name) + advice(name, names));
        continue;
      }
      const auto* choices = std::get_if<Choices>(&found->domain);
      if (choices != nullptr && constraint.calculates_with(name) &&
          !as_number(choices->values.front())) {
        problems_.add(node.mark, path,
                      quoted(name) + " is no number; compare it by == or != with a 'word'");
      }
    }
  }

  void check_trials() {
    if (search_.algorithm != "grid") {
      if (search_.max_trials == 0)
        fail("search.max_trials", "is 0, which means all points of a grid; give a number");
      return;
    }
    if (!is_given("search.max_trials")) search_.max_trials = 0;
    bool countable = true;
    for (const Parameter& parameter : search_.parameters) {
      if (count_grid_values(parameter) > 0) continue;
      countable = false;
      problems_.add(parameters_->find(parameter.name)->mark, "search.parameters." + parameter.name,
                    "has no end of values, and a grid tries them all; add points: 5 or a step, "
                    "list values, or take algorithm: random");
    }
    countable = countable && !problems_.touch("search.parameters");
    const std::uint64_t points = countable ? count_grid(search_.parameters) : 0;
    if (points > kGridPointsMax) {
      const bool many = points == std::numeric_limits<std::uint64_t>::max();
      fail("search.parameters", "make a grid of " +
                                    (many ? "more than 2^64" : std::to_string(points)) +
                                    " points; at most " + std::to_string(kGridPointsMax) +
                                    " are tried; list fewer values, or take algorithm: random");
    }
  }

  void check_halving() {
    const HalvingSpec& halving = search_.halving;
    const bool needed = is_halving(search_) || search_.algorithm == "pbt";
    std::uint64_t most = halving.max_resource;
    if (job_.model && most == 0)
      most = halving.resource == "epochs"  ? job_.train.epochs
             : halving.resource == "steps" ? job_.train.max_steps
                                           : 0;
    if (needed && most == 0) {
      fail("search.halving.max_resource",
           "is missing; say how many " + halving.resource + " a whole trial takes");
    } else if (most > 0 && halving.min_resource > most) {
      fail("search.halving.min_resource",
           "is more than a whole trial takes, " + std::to_string(most) + " " + halving.resource);
    } else if (is_halving(search_) && most / halving.min_resource < halving.reduction) {
      fail(is_given("search.halving") ? "search.halving" : "search.algorithm",
           "no trial would be stopped: from " + std::to_string(halving.min_resource) + " to " +
               std::to_string(most) + " " + halving.resource +
               " there is no second rung at a reduction of " + std::to_string(halving.reduction));
    }
  }

  const Node& root_;
  JobSpec& job_;
  SearchSpec& search_;
  Problems& problems_;
  const Node* parameters_ = nullptr;
};

}  // namespace

void check_search(const Node& root, JobSpec& job, Problems& problems) {
  const Entry& entry = *root.find("search");
  if (!entry.value.is_map()) {
    if (entry.value.kind == Node::Kind::kNull)
      problems.add(entry.mark, "search", "is empty; give it a metric, a goal and parameters");
    return;
  }
  if (!job.search) job.search.emplace();
  if (job.search->objectives.empty()) job.search->objectives.emplace_back();
  SearchChecker(root, job, problems).check();
}

}  // namespace dl::spec::native
