#include "model/spec/native/write.h"

#include "model/spec/values.h"

namespace dl::spec::native {
namespace {

Node scalar(std::string text, bool is_text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = is_text;
  node.text = std::move(text);
  return node;
}

// One overload a type of key, the inverse of reading it.
struct ValueWriter {
  const Key& key;
  Target target;

  Node operator()(Member<bool> member) const {
    return scalar(member(target) ? "true" : "false", false);
  }
  Node operator()(Member<std::uint32_t> member) const { return whole(member(target)); }
  Node operator()(Member<std::uint64_t> member) const { return whole(member(target)); }
  Node operator()(Member<double> member) const {
    return scalar(format_real(member(target)), false);
  }
  Node operator()(Member<std::string> member) const { return scalar(member(target), true); }
  Node operator()(Member<std::chrono::milliseconds> member) const {
    return scalar(format_duration(member(target)), true);
  }
  Node operator()(Member<Sizes> member) const { return list(member(target)); }
  Node operator()(Member<Shape> member) const { return list(member(target)); }
  Node operator()(Member<Texts> member) const {
    Node node;
    node.kind = Node::Kind::kMap;
    for (const auto& [name, text] : member(target))
      node.entries.push_back({name, {}, scalar(text, true)});
    return node;
  }

  Node whole(std::uint64_t value) const {
    if (value == 0 && !key.rule.zero.empty()) return scalar(std::string(key.rule.zero), false);
    return key.rule.bytes && value > 0 ? scalar(format_bytes(value), true)
                                       : scalar(std::to_string(value), false);
  }

  template <class List>
  static Node list(const List& values) {
    Node node;
    node.kind = Node::Kind::kList;
    for (const auto value : values) node.items.push_back(scalar(std::to_string(value), false));
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
  static Node map() {
    Node node;
    node.kind = Node::Kind::kMap;
    return node;
  }

  bool is_written(AppliesTo applies_to) const {
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

  void write_section(const Section& section, RoleSpec& role, Node& out) {
    for (const Key* key : section.keys) {
      if (!is_written(*key)) continue;
      Node value = write_value(*key, Target{job_, role});
      // An empty text or mapping says what leaving it out says, and a reader has less to read.
      if ((value.quoted && value.text.empty()) || (value.is_map() && value.entries.empty()))
        continue;
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
