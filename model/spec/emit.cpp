// A spec as text, by the same table that reads it.

#include <algorithm>
#include <boost/json.hpp>

#include "model/spec/document.h"
#include "model/spec/keys.h"
#include "model/spec/values.h"

namespace dl::spec {
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

  Node operator()(Member<bool> member) const { return scalar(member(target) ? "true" : "false", false); }
  Node operator()(Member<std::uint32_t> member) const { return whole(member(target)); }
  Node operator()(Member<std::uint64_t> member) const { return whole(member(target)); }
  Node operator()(Member<double> member) const { return scalar(format_real(member(target)), false); }
  Node operator()(Member<std::string> member) const { return scalar(member(target), true); }
  Node operator()(Member<std::chrono::milliseconds> member) const {
    return scalar(format_duration(member(target)), true);
  }
  Node operator()(Member<Sizes> member) const { return list(member(target)); }
  Node operator()(Member<Shape> member) const { return list(member(target)); }
  Node operator()(Member<Texts> member) const {
    Node node;
    node.kind = Node::Kind::kMap;
    for (const auto& [name, text] : member(target)) node.entries.push_back({name, {}, scalar(text, true)});
    return node;
  }

  Node whole(std::uint64_t value) const {
    return key.rule.bytes ? scalar(format_bytes(value), true) : scalar(std::to_string(value), false);
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

  void write_section(const Section& section, RoleSpec& role, Node& out) {
    for (const Key* key : section.keys) {
      if (!is_written(key->applies_to)) continue;
      Node value = std::visit(ValueWriter{*key, Target{job_, role}}, key->field);
      // An empty text is left out: it says what leaving it out says, and a reader has less to read.
      if (value.quoted && value.text.empty()) continue;
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

std::string in_quotes(std::string_view text) {
  return boost::json::serialize(boost::json::string(text));
}

// Whether YAML reads the word back as this text and nothing else.
bool is_plain_text(std::string_view text) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/'; };
  const auto is_inner = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  constexpr std::array<std::string_view, 9> kWords = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return !text.empty() && is_letter(text.front()) && std::all_of(text.begin(), text.end(), is_inner) &&
         std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

// Durations and sizes begin with a digit, and their unit keeps them text.
std::string yaml_scalar(const Node& node) {
  const bool has_unit = parse_duration(node.text).has_value() || parse_bytes(node.text).has_value();
  const bool plain = !node.quoted || is_plain_text(node.text) ||
                     (has_unit && !parse_whole(node.text) && !parse_real(node.text));
  return plain ? node.text : in_quotes(node.text);
}

void print_yaml(const Node& map, std::size_t indent, std::string& out) {
  for (const Entry& entry : map.entries) {
    out.append(indent, ' ');
    out += is_plain_text(entry.key) ? entry.key : in_quotes(entry.key);
    out += ":";
    const Node& value = entry.value;
    if (value.is_map() && !value.entries.empty()) {
      out += "\n";
      print_yaml(value, indent + 2, out);
    } else if (value.is_map()) {
      out += " {}\n";
    } else if (value.kind == Node::Kind::kList) {
      out += " [";
      for (const Node& item : value.items) out += (&item == &value.items.front() ? "" : ", ") + item.text;
      out += "]\n";
    } else {
      out += " " + yaml_scalar(value) + "\n";
    }
  }
}

void print_json(const Node& node, std::string& out) {
  const char* separator = "";
  switch (node.kind) {
    case Node::Kind::kNull: out += "null"; break;
    case Node::Kind::kScalar: out += node.quoted ? in_quotes(node.text) : node.text; break;
    case Node::Kind::kList:
      out += "[";
      for (const Node& item : node.items) {
        out += separator;
        print_json(item, out);
        separator = ",";
      }
      out += "]";
      break;
    case Node::Kind::kMap:
      out += "{";
      for (const Entry& entry : node.entries) {
        out += separator + in_quotes(entry.key) + ":";
        print_json(entry.value, out);
        separator = ",";
      }
      out += "}";
      break;
  }
}

}  // namespace

std::string to_yaml(const JobSpec& spec) {
  std::string out;
  print_yaml(Writer(spec).write(), 0, out);
  return out;
}

std::string to_json(const JobSpec& spec) {
  std::string out;
  print_json(Writer(spec).write(), out);
  return out;
}

}  // namespace dl::spec
