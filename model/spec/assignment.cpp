#include "model/spec/assignment.h"

#include <boost/json.hpp>

#include "model/spec/build.h"
#include "model/spec/native/read.h"
#include "model/spec/native/write.h"
#include "model/spec/native/write_search.h"
#include "model/spec/substitute.h"

namespace dl::spec {
namespace {

boost::json::value to_json_value(const ParameterValue& value) {
  return std::visit([](const auto& x) -> boost::json::value { return boost::json::value_from(x); },
                    value);
}

// The job of one trial in the making, as a tree.
class Trial {
 public:
  Trial(const JobSpec& job, const Assignment& assignment)
      : search_(*job.search), has_model_(job.model.has_value()), assignment_(assignment) {
    JobSpec without_search = job;
    without_search.search.reset();
    root_ = native::write_job(without_search);
    forget_derived(without_search);
  }

  Result<JobSpec> make() {
    DL_CHECK(read_assignment());
    replace_words();
    Problems problems;
    JobSpec job = native::read_job(root_, problems);
    native::check_job(root_, job, problems);
    if (problems.empty()) return job;
    const Problem first = problems.sorted().front();
    return invalid_argument((first.key.empty() ? "" : first.key + ": ") + first.message);
  }

 private:
  Result<void> read_assignment() {
    Assignment seen;
    for (const Parameter& parameter : search_.parameters) {
      const auto given = assignment_.find(parameter.name);
      if (!is_active(parameter, seen)) {
        if (given != assignment_.end()) {
          return invalid_argument(parameter.name +
                                  " is given, but only there beside other values "
                                  "of " +
                                  parameter.condition->parent);
        }
        if (key_of_parameter(parameter.name, has_model_) == nullptr && parameter.initial)
          words_[parameter.name] = dl::to_string(*parameter.initial);
        continue;
      }
      if (given == assignment_.end()) return invalid_argument(parameter.name + " has no value");
      const auto value = fitted(parameter.domain, given->second);
      if (!value) {
        return invalid_argument(parameter.name + " is never " +
                                quoted(dl::to_string(given->second)));
      }
      take(parameter.name, *value);
      seen[parameter.name] = *value;
    }
    for (const auto& [name, value] : assignment_) {
      if (!seen.contains(name)) return invalid_argument("no parameter " + quoted(name));
    }
    return {};
  }

  void take(const std::string& name, const ParameterValue& value) {
    if (const Key* key = key_of_parameter(name, has_model_)) {
      // A command's tree has the resources of its one role there.
      const bool of_role = !has_model_ && name.starts_with("resources.");
      const std::string path = of_role ? "roles.worker." + name.substr(10) : name;
      set_path(root_, path, node_of(value, *key));
      return;
    }
    const std::string text = dl::to_string(value);
    words_[name] = text;
    arguments_.push_back("--" + name + "=" + text);
    put_json(name, to_json_value(value));
  }

  // A default that follows from another key, such as the server's update rule from the optimizer,
  // has to follow the assignment: what reads back the same when it is left out is left out.
  void forget_derived(const JobSpec& job) {
    for (const char* section : {"strategy", "resources"}) {
      Entry* found = root_.find(section);
      if (found == nullptr) continue;
      for (std::size_t i = found->value.entries.size(); i-- > 0;) {
        const Node before = found->value;
        found->value.entries.erase(found->value.entries.begin() + static_cast<std::ptrdiff_t>(i));
        if (!reads_as(job)) found->value = before;
      }
    }
  }

  bool reads_as(const JobSpec& job) const {
    Problems problems;
    JobSpec read = native::read_job(root_, problems);
    native::check_job(root_, read, problems);
    return problems.empty() && read == job;
  }

  // "optimizer.lr" is {"optimizer": {"lr": …}}, unless optimizer is a parameter itself.
  void put_json(std::string_view name, boost::json::value value) {
    boost::json::object* object = &json_;
    for (auto dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.')) {
      auto& inner = (*object)[name.substr(0, dot)];
      if (inner.is_null()) inner.emplace_object();
      if (!inner.is_object()) break;
      object = &inner.get_object();
      name.remove_prefix(dot + 1);
    }
    (*object)[name] = std::move(value);
  }

  void replace_words() {
    for (Entry& entry : root_.entries) {
      if (entry.key == "command") replace(entry.value, TextKind::kCommand);
      if (entry.key == "env") {
        for (Entry& variable : entry.value.entries) replace(variable.value, TextKind::kEnvironment);
      }
      if (entry.key != "roles") continue;
      for (Entry& role : entry.value.entries) {
        if (Entry* command = role.value.find("command"))
          replace(command->value, TextKind::kCommand);
      }
    }
  }

  void replace(Node& node, TextKind kind) const {
    node.text = substitute(
        node.text, kind, [this](std::string_view name) { return replacement(std::string(name)); });
  }

  std::optional<std::vector<std::string>> replacement(const std::string& name) const {
    if (name == "search.args") return arguments_;
    if (name == "search.json") return std::vector{boost::json::serialize(json_)};
    const auto word = words_.find(name);
    if (word == words_.end()) return std::nullopt;
    return std::vector{word->second};
  }

  const SearchSpec& search_;
  const bool has_model_;
  const Assignment& assignment_;
  Node root_;
  std::map<std::string, std::string> words_;
  std::vector<std::string> arguments_;  // In the parameters' order.
  boost::json::object json_;
};

}  // namespace

Result<JobSpec> apply_assignment(const JobSpec& job, const Assignment& assignment) {
  if (!job.search) return invalid_argument("the job has no search");
  return Trial(job, assignment).make();
}

const Key* key_of_parameter(std::string_view name, bool has_model) {
  const Key* key = name.find('.') == std::string_view::npos ? nullptr : find_key(name);
  if (key == nullptr || key->applies_to == AppliesTo::kSearch) return nullptr;
  const bool applies = key->applies_to == AppliesTo::kEveryJob ||
                       (key->applies_to == AppliesTo::kModel) == has_model;
  return applies ? key : nullptr;
}

Node node_of(const ParameterValue& value, const Key& key) {
  const bool is_list = std::holds_alternative<Member<Sizes>>(key.field) ||
                       std::holds_alternative<Member<Shape>>(key.field);
  if (is_list && std::holds_alternative<std::string>(value)) {
    Node node;
    Problems ignored;  // What is no list is refused where the key is read.
    if (read_document(std::get<std::string>(value), node, ignored)) return node;
  }
  return native::write_parameter_value(value);
}

}  // namespace dl::spec
