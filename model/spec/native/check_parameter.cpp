#include "model/spec/native/check_parameter.h"

#include <algorithm>
#include <cmath>

#include "model/spec/assignment.h"
#include "model/spec/native/read.h"
#include "model/spec/native/read_search.h"
#include "model/spec/native/read_value.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

bool is_whole(double value) { return std::trunc(value) == value; }

class ParameterChecker {
 public:
  ParameterChecker(const Entry& entry, const Node& root, const JobSpec& job, Parameter& parameter,
                   Problems& problems)
      : entry_(entry),
        root_(root),
        job_(job),
        parameter_(parameter),
        problems_(problems),
        path_("search.parameters." + parameter.name) {}

  void check() {
    key_ = key_of_parameter(parameter_.name, job_.model.has_value());
    if (key_ == nullptr) return check_word();
    if (parameter_.name.starts_with("roles.") &&
        find_entry(root_, parameter_.name.substr(0, parameter_.name.rfind('.'))) == nullptr) {
      return fail(entry_.mark, "", "sets a role that the job does not have");
    }
    const bool has_one_role = job_.roles.size() == 1 && job_.roles[0].role == Role::kWorker;
    if (parameter_.name.starts_with("resources.") && !job_.model && !has_one_role) {
      return fail(
          entry_.mark, "",
          "stands beside roles; name a role, such as roles.worker" + parameter_.name.substr(9));
    }
    if (auto* range = std::get_if<Range>(&parameter_.domain)) {
      check_range(*range);
    } else if (auto* normal = std::get_if<Normal>(&parameter_.domain)) {
      check_normal(*normal);
    } else {
      check_listed();
    }
    if (!problems_.touch(path_)) check_batches();
  }

 private:
  void fail(const Mark& mark, std::string_view key, std::string message) {
    problems_.add(mark, place_in(path_, key), std::move(message));
  }

  // The name is no key. It may be meant to be one.
  void check_word() {
    const auto dot = parameter_.name.find('.');
    if (dot == std::string::npos) return;
    const Section* section = root_section().section(parameter_.name.substr(0, dot));
    if (section == nullptr) return;
    if (section->applies_to == AppliesTo::kSearch)
      return fail(entry_.mark, "", "is the search's own; a search cannot vary it");
    const bool has_model = job_.model.has_value();
    if (section->applies_to == AppliesTo::kModel && !has_model) return;
    std::vector<std::string_view> names;
    for (const Key& key : keys()) {
      if (key_of_parameter(key.path, has_model) == &key && key.path.find('*') == std::string::npos)
        names.push_back(key.path);
    }
    const auto meant = nearest(parameter_.name, names);
    fail(entry_.mark, "",
         "is no key of the spec" + (meant.empty() ? "; docs/spec.md lists them"
                                                  : "; did you mean " + quoted(meant) + "?"));
  }

  bool is_key_whole() const {
    return std::holds_alternative<Member<std::uint32_t>>(key_->field) ||
           std::holds_alternative<Member<std::uint64_t>>(key_->field);
  }
  bool is_key_numeric() const {
    return is_key_whole() || std::holds_alternative<Member<double>>(key_->field);
  }

  const Entry* find_domain() const {
    for (const char* word : {"double", "int", "log", "reverse_log", "normal", "lognormal"}) {
      if (const Entry* found = entry_.value.find(word)) return found;
    }
    return nullptr;
  }

  void check_range(Range& range) {
    const Entry& domain = *find_domain();
    if (!is_key_numeric())
      return fail(domain.mark, domain.key,
                  "gives numbers, but the key must be " + expected(*key_) + "; list values");
    if (is_key_whole() && !range.whole && !make_whole(domain, range)) return;
    for (std::size_t i = 0; i < 2; ++i) {
      const double end = i == 0 ? range.low : range.high;
      try_value(range.whole ? ParameterValue(static_cast<std::int64_t>(end)) : ParameterValue(end),
                domain.value.items[i].mark, domain.key);
    }
  }

  bool make_whole(const Entry& domain, Range& range) {
    if (range.scale == Scale::kLinear || !is_whole(range.low) || !is_whole(range.high) ||
        !is_whole(range.step)) {
      const auto ends =
          std::to_string(std::llround(range.low)) + ", " + std::to_string(std::llround(range.high));
      fail(domain.mark, domain.key,
           "gives fractions, but the key must be " + expected(*key_) + "; write int: [" + ends +
               "]");
      return false;
    }
    range.whole = true;
    range.step = std::max(1.0, range.step);
    return refit_default();
  }

  bool refit_default() {
    if (!parameter_.initial) return true;
    parameter_.initial = fitted(parameter_.domain, *parameter_.initial);
    if (!parameter_.initial)
      fail(entry_.value.find("default")->value.mark, "default", "must be a whole number");
    return parameter_.initial.has_value();
  }

  void check_normal(Normal& normal) {
    const Entry& domain = *find_domain();
    if (!is_key_numeric())
      return fail(domain.mark, domain.key,
                  "gives numbers, but the key must be " + expected(*key_) + "; list values");
    normal.whole = is_key_whole();
    const Rule& rule = key_->rule;
    const double low = is_key_whole() ? static_cast<double>(rule.least) : rule.low;
    const double high = is_key_whole() ? static_cast<double>(rule.most) : rule.high;
    const bool from_zero = normal.log && low <= 0;
    const bool needs_low = std::isinf(normal.low) && !from_zero && std::isfinite(low);
    const bool needs_high = std::isinf(normal.high) && std::isfinite(high) && high < 0x1p40;
    if (needs_low || needs_high) {
      fail(domain.mark, domain.key,
           "draws any number, but the key must be " + expected(*key_) + "; cut it off with " +
               (!needs_high  ? "low"
                : !needs_low ? "high"
                             : "low and high"));
    }
    for (const char* end : {"low", "high"}) {
      const Entry* entry = entry_.value.find(end);
      if (entry == nullptr) continue;
      const double value = end[0] == 'l' ? normal.low : normal.high;
      try_value(is_whole(value) ? ParameterValue(static_cast<std::int64_t>(value))
                                : ParameterValue(value),
                entry->value.mark, end);
    }
  }

  // Each listed value, at its own place.
  void check_listed() {
    const Node* node = &entry_.value;
    std::string word;
    for (const char* name : {"values", "categories"}) {
      if (const Entry* found = entry_.value.find(name)) {
        node = &found->value;
        word = name;
      }
    }
    // A range whose ends are the same.
    if (node->is_map()) node = &find_domain()->value.items[0];
    const bool is_list = node->kind == Node::Kind::kList;
    for (std::size_t i = 0; i < (is_list ? node->items.size() : 1); ++i) {
      const Node& item = is_list ? node->items[i] : *node;
      const auto value = read_parameter_value(item);
      const std::string place = is_list ? word + "[" + std::to_string(i) + "]" : word;
      if (value) try_value(*value, item.mark, place);
    }
  }

  // Lets the key itself judge.
  void try_value(const ParameterValue& value, const Mark& mark, std::string_view place) {
    JobSpec job;
    RoleSpec role;
    Node node = node_of(value, *key_);
    node.mark = mark;
    for (Node& item : node.items) item.mark = mark;
    read_value(*key_, node, place_in(path_, place), Target{job, role}, problems_);
  }

  // A batch that the workers cannot share would fail each of its trials.
  void check_batches() {
    if (parameter_.name != "train.batch_size" || find_entry(root_, "search.parameters") == nullptr)
      return;
    const auto& others = job_.search->parameters;
    const bool varies_workers = std::any_of(others.begin(), others.end(), [](const auto& other) {
      return other.name == "strategy.workers";
    });
    const std::uint32_t workers = std::max(1u, job_.strategy.workers);
    if (varies_workers || workers == 1) return;
    const auto divides = [&](double value) {
      return std::fmod(value, static_cast<double>(workers)) == 0;
    };
    const auto* range = std::get_if<Range>(&parameter_.domain);
    const bool range_fits =
        range != nullptr && divides(range->low) && divides(std::max(1.0, range->step));
    const auto values = range == nullptr ? grid_values(parameter_) : std::vector<ParameterValue>{};
    const auto misfit = std::find_if(values.begin(), values.end(), [&](const ParameterValue& v) {
      return !divides(as_number(v).value_or(0));
    });
    const std::string shared =
        " cannot be shared evenly by " + std::to_string(workers) + " workers";
    if (range != nullptr && !range_fits) {
      fail(entry_.mark, "",
           "draws batches that" + shared + "; begin at a multiple of " + std::to_string(workers) +
               " and add step: " + std::to_string(workers));
    } else if (misfit != values.end()) {
      fail(entry_.mark, "", "the batch of " + dl::to_string(*misfit) + shared);
    }
  }

  const Entry& entry_;
  const Node& root_;
  const JobSpec& job_;
  Parameter& parameter_;
  Problems& problems_;
  std::string path_;
  const Key* key_ = nullptr;
};

}  // namespace

void check_parameter(const Entry& entry, const Node& root, const JobSpec& job, Parameter& parameter,
                     Problems& problems) {
  ParameterChecker(entry, root, job, parameter, problems).check();
}

}  // namespace dl::spec::native
