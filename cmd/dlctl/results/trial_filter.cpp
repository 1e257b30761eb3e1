#include "cmd/dlctl/results/trial_filter.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/nearest.h"
#include "model/constraint.h"

namespace dl::dlctl {
namespace {

constexpr std::array<const char*, 7> kStates = {"queued",  "running", "paused",   "ended",
                                                "stopped", "failed",  "cancelled"};

double seconds_of(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + 1e-9 * duration.nanos();
}

// All that can be asked of trials, by the names it can be asked by.
class Fields {
 public:
  explicit Fields(const SearchResults& results) : results_(results) {
    std::set<std::string> metrics;
    for (const TrialResult& trial : results.trials) {
      for (const auto& [name, value] : trial.trial.metrics()) metrics.insert(name);
    }
    // Earlier ones own a short form that several would have.
    own({"number", "state", "time", "from", "attempts", results.search().halving.resource});
    own(objective_names(results));
    own(parameter_names(results));
    own({metrics.begin(), metrics.end()});
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (const auto& [name, full] : full_) names.push_back(name);
    return names;
  }

  Result<std::string> full(const std::string& name, const std::string& flag) const {
    const auto found = full_.find(name);
    if (found != full_.end()) return found->second;
    return invalid_argument(flag + ": trials have no \"" + name + "\"" +
                            did_you_mean(name, names()) + "; they have " + list());
  }

  // By full names; what a trial has not is not in it.
  Assignment of(const TrialResult& result) const {
    const v1::SearchTrial& trial = result.trial;
    Assignment values = result.values;
    for (const auto& [name, value] : trial.metrics()) values.emplace(name, value);
    for (std::size_t k = 0; k < results_.objectives().size(); ++k) {
      values.erase(results_.objectives()[k].metric);
      if (const auto value = result.objective(k)) values[results_.objectives()[k].metric] = *value;
    }
    values["number"] = std::int64_t{trial.number()};
    values["state"] = trial.state();
    values["time"] = seconds_of(trial.run_time());
    values["from"] = std::int64_t{trial.from()};
    values["attempts"] = std::int64_t{trial.attempts()};
    if (trial.objectives_size() > 0)
      values[results_.search().halving.resource] = static_cast<std::int64_t>(trial.resource());
    return values;
  }

 private:
  void own(const std::vector<std::string>& names) {
    for (const std::string& name : names) full_.emplace(name, name);
    for (const std::string& name : names) full_.emplace(short_name(name, names), name);
  }

  std::string list() const {
    std::string text;
    for (const auto& [name, full] : full_) {
      if (name == full) text += (text.empty() ? "" : ", ") + name;
    }
    return text;
  }

  const SearchResults& results_;
  std::map<std::string, std::string> full_;  // Names of fields by what they may be called.
};

struct Filter {
  Constraint constraint;
  std::map<std::string, std::string> full;  // Of the names it has.

  // A trial without a value does not pass.
  bool passes(const Assignment& fields) const {
    Assignment seen;
    for (const auto& [name, field] : full) {
      const auto found = fields.find(field);
      if (found == fields.end()) return false;
      seen[name] = found->second;
    }
    return constraint.holds(seen);
  }
};

Result<std::vector<Filter>> filters_of(const TrialQuery& query, const Fields& fields) {
  std::vector<Filter> filters;
  for (const std::string& text : query.filters) {
    auto constraint = Constraint::parse(text);
    if (!constraint)
      return invalid_argument("--filter \"" + text + "\": " + constraint.error().message);
    Filter filter{.constraint = *std::move(constraint), .full = {}};
    for (const std::string& name : filter.constraint.names()) {
      DL_TRY(filter.full[name], fields.full(name, "--filter"));
    }
    filters.push_back(std::move(filter));
  }
  return filters;
}

Result<void> check_state(const std::string& state) {
  const std::vector<std::string> states(kStates.begin(), kStates.end());
  if (state.empty() || std::find(states.begin(), states.end(), state) != states.end()) return {};
  std::string list;
  for (const auto& known : states) list += (list.empty() ? "" : ", ") + known;
  return invalid_argument("--state: there is no state \"" + state + "\"" +
                          did_you_mean(state, states) + "; states of trials are " + list);
}

// Numbers before words; what is missing comes last either way.
bool less(const ParameterValue* a, const ParameterValue* b, bool descending) {
  if (a == nullptr || b == nullptr) return a != nullptr && b == nullptr;
  const auto x = as_number(*a), y = as_number(*b);
  if (x && y) return descending ? *x > *y : *x < *y;
  if (x || y) return x.has_value();
  return descending ? to_string(*a) > to_string(*b) : to_string(*a) < to_string(*b);
}

void sort_by(std::vector<std::pair<Assignment, const TrialResult*>>& rows, const std::string& field,
             bool descending) {
  const auto value = [&](const Assignment& fields) {
    const auto found = fields.find(field);
    return found == fields.end() ? nullptr : &found->second;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return less(value(a.first), value(b.first), descending);
  });
}

}  // namespace

std::string short_name(const std::string& name, const std::vector<std::string>& all) {
  const auto tail = [](const std::string& text) { return text.substr(text.rfind('.') + 1); };
  const auto alike = std::count_if(
      all.begin(), all.end(), [&](const std::string& other) { return tail(other) == tail(name); });
  return alike == 1 ? tail(name) : name;
}

std::vector<std::string> parameter_names(const SearchResults& results) {
  std::vector<std::string> names;
  for (const Parameter& parameter : results.search().parameters) {
    if (!parameter.is_constant()) names.push_back(parameter.name);
  }
  return names;
}

std::vector<std::string> objective_names(const SearchResults& results) {
  std::vector<std::string> names;
  for (const Objective& objective : results.objectives()) names.push_back(objective.metric);
  return names;
}

Result<std::vector<const TrialResult*>> select_trials(const SearchResults& results,
                                                      const TrialQuery& query) {
  DL_CHECK(check_state(query.state));
  const Fields fields(results);
  DL_TRY(const std::vector<Filter> filters, filters_of(query, fields));
  std::vector<std::pair<Assignment, const TrialResult*>> rows;
  for (const TrialResult& trial : results.trials) {
    if (!query.state.empty() && trial.trial.state() != query.state) continue;
    Assignment values = fields.of(trial);
    const bool passes = std::all_of(filters.begin(), filters.end(),
                                    [&](const Filter& filter) { return filter.passes(values); });
    if (passes) rows.emplace_back(std::move(values), &trial);
  }
  if (!query.sort.empty()) {
    const bool descending = query.sort[0] == '-';
    DL_TRY(const std::string field, fields.full(query.sort.substr(descending ? 1 : 0), "--sort"));
    sort_by(rows, field, descending);
  } else {
    sort_by(rows, results.objectives().front().metric, results.objectives().front().maximizes());
    std::stable_partition(rows.begin(), rows.end(),
                          [](const auto& row) { return row.second->best; });
  }
  std::vector<const TrialResult*> selected;
  for (const auto& [values, trial] : rows) {
    if (query.top == 0 || selected.size() < query.top) selected.push_back(trial);
  }
  return selected;
}

}  // namespace dl::dlctl
