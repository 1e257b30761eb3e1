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
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
           c == '.' || c == '_';
  });
}

// The value as YAML reads it; simple words need no parser. False when it is none.
bool read_value_text(std::string_view text, Node& node, const Mark& mark, const std::string& key,
                     Problems& problems) {
  if (text != "null" && is_plain_word(text)) {
    node.kind = Node::Kind::kScalar;
    node.text = text;
    return true;
  }
  if (text.find_first_not_of(" \t") == std::string_view::npos || text == "null" || text == "~")
    return true;
  Problems of_value;
  read_document(text, node, of_value);
  for (const Problem& problem : of_value.sorted()) problems.add(mark, key, problem.message);
  return of_value.empty();
}

// The map that holds the last part of `path`, with the maps on the way; null when one of them is
// something else.
Node* map_for(const std::string& path, const Mark& mark, Node& root, Problems& problems) {
  Node* map = &root;
  std::string_view rest = path;
  for (auto dot = rest.find('.'); dot != std::string_view::npos; dot = rest.find('.')) {
    const std::string name(rest.substr(0, dot));
    Entry* entry = map->find(name);
    if (entry == nullptr) entry = &map->entries.emplace_back(Entry{name, mark, {}});
    Node& inner = entry->value;
    if (inner.kind == Node::Kind::kNull) {
      inner.kind = Node::Kind::kMap;
      inner.mark = mark;
    }
    if (!inner.is_map()) {
      problems.add(mark, path, "goes into \"" + name + "\", which is no mapping in the document");
      return nullptr;
    }
    map = &inner;
    rest.remove_prefix(dot + 1);
  }
  return map;
}

}  // namespace

void apply_override(std::string_view text, std::uint32_t number, Node& root, Problems& problems) {
  const Mark mark{0, 0, number};
  const auto equals = text.find('=');
  const std::string path(text.substr(0, equals));
  if (equals == std::string_view::npos || path.empty() || path.front() == '.' ||
      path.back() == '.' || path.find("..") != std::string::npos) {
    problems.add(mark, "", "must read key=value, such as train.epochs=3");
    return;
  }
  Node value;
  if (!read_value_text(text.substr(equals + 1), value, mark, path, problems)) return;
  claim(value, number);
  Node* map = map_for(path, mark, root, problems);
  if (map == nullptr) return;
  const std::string name = path.substr(path.rfind('.') + 1);  // npos + 1 is 0.
  Entry* entry = map->find(name);
  if (entry == nullptr) entry = &map->entries.emplace_back(Entry{name, mark, {}});
  entry->mark = mark;
  entry->value = std::move(value);
}

}  // namespace dl::spec
