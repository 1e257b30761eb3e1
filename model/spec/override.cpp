// "dotted.key=value" over a document (dlctl submit --set).

#include <algorithm>

#include "model/spec/document.h"

namespace dl::spec {
namespace {

// Gives every value of a tree to the override, and to no line.
void claim(Node& node, std::uint32_t number) {
  node.mark = {0, 0, number};
  for (Node& item : node.items) claim(item, number);
  for (Entry& entry : node.entries) {
    entry.mark = {0, 0, number};
    claim(entry.value, number);
  }
}

bool is_plain_word(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' || c == '.' ||
           c == '_';
  });
}

// The value as YAML reads it; simple words need no parser.
Node read_value_text(std::string_view text, Problems& problems, const Mark& mark, const std::string& key) {
  Node node;
  if (is_plain_word(text) && text != "null") {
    node.kind = Node::Kind::kScalar;
    node.text = text;
    return node;
  }
  if (text.find_first_not_of(" \t") == std::string_view::npos) return node;
  Problems of_value;
  read_yaml(text, node, of_value);
  for (const Problem& problem : of_value.sorted()) problems.add(mark, key, problem.message);
  return node;
}

}  // namespace

void apply_override(std::string_view text, std::uint32_t number, Node& root, Problems& problems) {
  const Mark mark{0, 0, number};
  const auto equals = text.find('=');
  const std::string path(text.substr(0, equals));
  if (equals == std::string_view::npos || path.empty() || path.front() == '.' || path.back() == '.' ||
      path.find("..") != std::string::npos) {
    problems.add(mark, "", "must read key=value, such as train.epochs=3");
    return;
  }
  Node value = read_value_text(text.substr(equals + 1), problems, mark, path);
  claim(value, number);
  Node* map = &root;
  std::string_view rest = path;
  while (true) {
    const auto dot = rest.find('.');
    const std::string_view name = rest.substr(0, dot);
    Entry* entry = map->find(name);
    if (entry == nullptr) entry = &map->entries.emplace_back(Entry{std::string(name), mark, {}});
    if (dot == std::string_view::npos) {
      entry->mark = mark;
      entry->value = std::move(value);
      return;
    }
    if (!entry->value.is_map()) {
      if (entry->value.kind != Node::Kind::kNull) {
        problems.add(mark, path, "goes into \"" + std::string(name) + "\", which is no mapping in the document");
        return;
      }
      entry->value.kind = Node::Kind::kMap;
      entry->value.mark = mark;
    }
    map = &entry->value;
    rest.remove_prefix(dot + 1);
  }
}

}  // namespace dl::spec
