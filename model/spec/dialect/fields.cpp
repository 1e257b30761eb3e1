#include "model/spec/dialect/fields.h"

#include <algorithm>

#include "model/spec/native/read_search.h"
#include "model/spec/values.h"

namespace dl::spec {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool is_same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// What an entry says, for a note: its value when it is one word.
std::string shown(const Node& node) {
  return node.kind == Node::Kind::kScalar ? " " + quoted(node.text) : "";
}

}  // namespace

std::string without_spelling(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c != '_' && c != '-') out += lower(c);
  }
  return out;
}

const Entry* find_field(const Node& map, std::string_view name) {
  const std::string wanted = without_spelling(name);
  for (const Entry& entry : map.entries) {
    if (without_spelling(entry.key) == wanted) return &entry;
  }
  return nullptr;
}

Fields::Fields(const Node& node, std::string path, Findings& findings)
    : node_(&node), path_(std::move(path)), findings_(&findings) {
  if (!node.is_map()) fail(node.mark, "", "must be a mapping, not " + native::show(node));
}

const Entry* Fields::take(std::string_view name) {
  known_.push_back(name);
  const Entry* entry = find_field(*node_, name);
  if (entry == nullptr) return nullptr;
  read_.push_back(entry);
  return entry->value.kind == Node::Kind::kNull ? nullptr : entry;
}

std::optional<std::string> Fields::take_text(std::string_view name) {
  const Entry* entry = take(name);
  if (entry == nullptr) return std::nullopt;
  if (entry->value.kind == Node::Kind::kScalar) return entry->value.text;
  fail(entry->value.mark, name, "must be text, not " + native::show(entry->value));
  return std::nullopt;
}

bool Fields::take_truth(std::string_view name) {
  const Entry* entry = take(name);
  if (entry == nullptr) return false;
  const auto value = parse_bool(entry->value.text);
  if (!value)
    fail(entry->value.mark, name, "must be true or false, not " + native::show(entry->value));
  return value.value_or(false);
}

std::optional<Fields> Fields::take_fields(std::string_view name) {
  const Entry* entry = take(name);
  if (entry == nullptr) return std::nullopt;
  return Fields(entry->value, join_path(path_, entry->key), *findings_);
}

std::span<const Node> Fields::take_items(std::string_view name) {
  const Entry* entry = take(name);
  if (entry == nullptr) return {};
  if (entry->value.kind == Node::Kind::kList) return entry->value.items;
  fail(entry->value.mark, name, "must be a list, not " + native::show(entry->value));
  return {};
}

std::optional<std::string_view> Fields::take_word(std::string_view name,
                                                  std::initializer_list<std::string_view> words) {
  const Entry* entry = take(name);
  if (entry == nullptr) return std::nullopt;
  const auto found = std::find_if(words.begin(), words.end(), [&](std::string_view word) {
    return is_same_word(word, entry->value.text);
  });
  if (found != words.end()) return *found;
  std::string listed;
  for (const auto word : words) listed += (listed.empty() ? "" : ", ") + std::string(word);
  const auto meant = nearest(entry->value.text, words);
  fail(entry->value.mark, name,
       "must be one of " + listed + ", not " + native::show(entry->value) +
           (meant.empty() ? "" : "; did you mean " + quoted(meant) + "?"));
  return std::nullopt;
}

void Fields::ignore(std::string_view name, std::string_view why) {
  known_.push_back(name);
  const Entry* entry = find_field(*node_, name);
  if (entry == nullptr) return;
  read_.push_back(entry);
  note(entry->mark, entry->key, "ignored" + shown(entry->value) + ": " + std::string(why));
}

void Fields::ignore(std::initializer_list<std::string_view> names, std::string_view why) {
  for (const auto name : names) ignore(name, why);
}

bool Fields::is_left(const Entry& entry) const {
  return entry.key != "<<" && std::find(read_.begin(), read_.end(), &entry) == read_.end();
}

void Fields::refuse_rest() {
  for (const Entry& entry : node_->entries) {
    if (is_left(entry) && !findings_->problems.full()) {
      fail(entry.mark, entry.key,
           "unknown field " + quoted(entry.key) + native::advice(entry.key, known_));
    }
  }
}

void Fields::ignore_rest(std::string_view why) {
  for (const Entry& entry : node_->entries) {
    if (is_left(entry))
      note(entry.mark, entry.key, "ignored" + shown(entry.value) + ": " + std::string(why));
  }
}

void Fields::fail(const Mark& mark, std::string_view name, std::string message) {
  findings_->problems.add(mark, name.empty() ? path_ : join_path(path_, name), std::move(message));
}

void Fields::note(const Mark& mark, std::string_view name, std::string message) {
  findings_->notes.add(mark, name.empty() ? path_ : join_path(path_, name), std::move(message));
}

void Fields::miss(std::string_view name, std::string message) {
  fail(node_->mark, name, "is missing; " + std::move(message));
}

}  // namespace dl::spec
