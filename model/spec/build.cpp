#include "model/spec/build.h"

#include <algorithm>

#include "model/spec/keys.h"

namespace dl::spec {
namespace {

void place(Node& node, const Mark& mark) {
  if (node.mark.line == 0) node.mark = mark;
  for (Node& item : node.items) place(item, mark);
  for (Entry& entry : node.entries) {
    if (entry.mark.line == 0) entry.mark = mark;
    place(entry.value, mark);
  }
}

Node scalar(std::string_view text, bool quoted) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.quoted = quoted;
  node.text = text;
  return node;
}

// Orders a map's entries, and those of the maps inside, as the table has them.
void sort_section(Node& map, const Section& section) {
  const auto names = section.names();
  const auto rank = [&](const Entry& entry) {
    return std::find(names.begin(), names.end(), entry.key) - names.begin();
  };
  std::stable_sort(map.entries.begin(), map.entries.end(),
                   [&](const Entry& a, const Entry& b) { return rank(a) < rank(b); });
  for (Entry& entry : map.entries) {
    if (const Section* inner = section.section(entry.key); inner != nullptr && entry.value.is_map())
      sort_section(entry.value, *inner);
  }
}

}  // namespace

Node plain(std::string_view word) { return scalar(word, false); }

Node text(std::string_view text) { return scalar(text, true); }

Node map() {
  Node node;
  node.kind = Node::Kind::kMap;
  return node;
}

Node list(std::initializer_list<Node> items) {
  Node node;
  node.kind = Node::Kind::kList;
  node.items = items;
  return node;
}

Node& put(Node& map, std::string_view key, Node value) {
  return map.entries.emplace_back(Entry{std::string(key), {}, std::move(value)}).value;
}

Node& put(Node& map, std::string_view key, Node value, const Mark& mark) {
  place(value, mark);
  return map.entries.emplace_back(Entry{std::string(key), mark, std::move(value)}).value;
}

Node& set_path(Node& root, std::string_view path, Node value, const Mark& mark) {
  Node* node = &root;
  for (auto dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    const std::string_view name = path.substr(0, dot);
    Entry* entry = node->find(name);
    node = entry != nullptr ? &entry->value : &put(*node, name, map(), mark);
    path.remove_prefix(dot + 1);
  }
  Entry* entry = node->find(path);
  if (entry == nullptr) return put(*node, path, std::move(value), mark);
  place(value, mark);
  return entry->value = std::move(value);
}

void sort_by_table(Node& root) { sort_section(root, root_section()); }

Node unquoted(Node node) {
  node.quoted = false;
  for (Node& item : node.items) item.quoted = false;
  return node;
}

}  // namespace dl::spec
