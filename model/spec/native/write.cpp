#include "model/spec/native/write.h"

#include "model/spec/build.h"
#include "model/spec/native/write_search.h"
#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

// One overload a type of key, the inverse of reading it.
struct ValueWriter {
  const Key& key;
  Target target;

  Node operator()(Member<bool> member) const { return plain(member(target) ? "true" : "false"); }
  Node operator()(Member<std::uint32_t> member) const { return whole(member(target)); }
  Node operator()(Member<std::uint64_t> member) const { return whole(member(target)); }
  Node operator()(Member<double> member) const { return plain(format_real(member(target))); }
  Node operator()(Member<std::string> member) const { return text(member(target)); }
  Node operator()(Member<std::chrono::milliseconds> member) const {
    return text(format_duration(member(target)));
  }
  Node operator()(Member<Sizes> member) const { return list(member(target)); }
  Node operator()(Member<Shape> member) const { return list(member(target)); }
  Node operator()(Member<Texts> member) const {
    Node node = map();
    for (const auto& [name, value] : member(target)) put(node, name, text(value));
    return node;
  }
  Node operator()(Member<Goal> member) const {
    return member(target) ? plain(format_real(*member(target))) : Node{};
  }
  Node operator()(Member<Objectives> member) const { return write_objectives(member(target)); }
  Node operator()(Member<Parameters> member) const { return write_parameters(member(target)); }
  Node operator()(Member<Constraints> member) const { return write_constraints(member(target)); }
  Node operator()(Member<Points> member) const { return write_points(member(target)); }

  Node whole(std::uint64_t value) const {
    if (value == 0 && !key.rule.zero.empty()) return plain(std::string(key.rule.zero));
    return key.rule.bytes && value > 0 ? text(format_bytes(value)) : plain(std::to_string(value));
  }

  template <class List>
  static Node list(const List& values) {
    Node node = spec::list({});
    for (const auto value : values) node.items.push_back(plain(std::to_string(value)));
    return node;
  }
};

class Writer {
 public:
  explicit Writer(const JobSpec& job) : job_(job) {}

  Node write() {
    RoleSpec none;
    Node root = map();
    write_section(root_section(), job_.roles.empty() ? none : job_.roles.front(), root);
    return root;
  }

 private:
  bool is_written(AppliesTo applies_to) const {
    if (applies_to == AppliesTo::kSearch) return job_.search.has_value();
    return applies_to == AppliesTo::kEveryJob ||
           (applies_to == AppliesTo::kModel) == job_.model.has_value();
  }

  // A key of another strategy would be refused when it is read again, and so would a window of 0.
  bool is_written(const Key& key) const {
    if (!is_written(key.applies_to)) return false;
    constexpr std::string_view kStrategy = "strategy.";
    if (!key.path.starts_with(kStrategy)) return true;
    const std::string_view name = key.path.substr(kStrategy.size());
    const StrategyKey* rule = strategy_key(name.substr(0, name.find('.')));
    if (rule != nullptr && !rule->belongs(job_.strategy)) return false;
    return (key.path != "strategy.window" || job_.strategy.window > 0) &&
           (key.path != "strategy.group_size" || job_.strategy.group_size > 0);
  }

  // One objective is written as metric and goal, several as a list.
  bool is_other_form(const Key& key) const {
    if (key.path == "search.objectives") return job_.search->objectives.size() < 2;
    const bool single = key.path == "search.metric" || key.path == "search.goal";
    return single && job_.search->objectives.size() > 1;
  }

  // Says what leaving it out says, and a reader has less to read.
  static bool is_empty(const Key& key, const Node& value) {
    switch (value.kind) {
      case Node::Kind::kNull: return true;
      case Node::Kind::kScalar: return value.quoted && value.text.empty();
      case Node::Kind::kList: return key.applies_to == AppliesTo::kSearch && value.items.empty();
      case Node::Kind::kMap: return value.entries.empty();
    }
    return false;
  }

  void write_section(const Section& section, RoleSpec& role, Node& out) {
    for (const Key* key : section.keys) {
      if (!is_written(*key) || is_other_form(*key)) continue;
      Node value = write_value(*key, Target{job_, role});
      if (is_empty(*key, value)) continue;
      out.entries.push_back({std::string(last_part(key->path)), {}, std::move(value)});
    }
    for (const Section& inner : section.sections) {
      // A command's tasks stand in `roles`, each with its own resources.
      if (!is_written(inner.applies_to) || (inner.name == "resources" && !job_.model)) continue;
      Node node = map();
      if (const Section* each = inner.section("*")) {
        write_roles(*each, node);
      } else {
        write_section(inner, role, node);
        if (node.entries.empty()) continue;  // All of its keys are of other strategies.
      }
      out.entries.push_back({std::string(inner.name), {}, std::move(node)});
    }
  }

  void write_roles(const Section& each, Node& out) {
    for (RoleSpec& role : job_.roles) {
      Node node = map();
      write_section(each, role, node);
      out.entries.push_back({std::string(to_string(role.role)), {}, std::move(node)});
    }
  }

  JobSpec job_;  // A copy: the table's accessors give references that may be written.
};

}  // namespace

Node write_value(const Key& key, Target target) {
  return std::visit(ValueWriter{key, target}, key.field);
}

Node write_job(const JobSpec& job) { return Writer(job).write(); }

}  // namespace dl::spec::native
