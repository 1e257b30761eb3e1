// A document as a tree of values, each with its place: what a spec is read from, whether it was
// written as YAML or as JSON.
//
// Documents come from users and from the network, so reading them is bounded: by bytes, by depth,
// by the number of values after aliases are expanded. All functions here are total: whatever the
// bytes, they return, with a tree or with problems.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec/parse.h"

namespace dl::spec {

// Values and keys of one document, aliases expanded.
inline constexpr std::size_t kValuesMax = 10'000;
// Problems reported of one document; more would hide the first ones.
inline constexpr std::size_t kProblemsMax = 50;

// Where a value was written. Line and column count from 1, the column in bytes.
struct Mark {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  std::uint32_t override_number = 0;  // From 1 when an override wrote the value; then no line.
};

struct Entry;

struct Node {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  bool quoted = false;  // A scalar that was written as text: "5" is no number.
  bool flow = false;    // Of a map that is to be written in one line.
  Mark mark;
  std::string text;            // Of a scalar.
  std::vector<Node> items;     // Of a list.
  std::vector<Entry> entries;  // Of a map, in the order of the document.

  bool is_map() const { return kind == Kind::kMap; }
  // The entry of a map with this key, or null.
  const Entry* find(std::string_view key) const;
  Entry* find(std::string_view key);
};

struct Entry {
  std::string key;
  Mark mark;  // Of the key.
  Node value;
};

// The problems found so far, in any order.
class Problems {
 public:
  explicit Problems(std::span<const std::string> overrides = {}) : overrides_(overrides) {}

  // A problem of a value that an override wrote names the override.
  void add(const Mark& mark, std::string key, std::string message);
  bool empty() const { return problems_.empty(); }
  // More are only counted: looking for the nearest name would be work for nobody.
  bool full() const { return problems_.size() >= kProblemsMax; }
  // Whether a problem is at this dotted path, above it or below it.
  bool touch(std::string_view path) const;
  // Lets touch say so of this path: its problem has another name.
  void excuse(std::string path) { excused_.push_back(std::move(path)); }
  // By line and column, at most kProblemsMax of them.
  std::vector<Problem> sorted() const;

 private:
  std::span<const std::string> overrides_;
  std::vector<Problem> problems_;
  std::vector<std::string> excused_;
  std::size_t left_out_ = 0;
};

// Reads a YAML or JSON document. False when its text is no document at all: `problems` says why,
// and the tree says nothing. True with problems when the tree is whole but some of it is refused.
bool read_document(std::string_view text, Node& root, Problems& problems);

// Each of these reads one language; read_document chooses. Same contract.
bool read_yaml(std::string_view text, Node& root, Problems& problems);
bool read_json(std::string_view text, Node& root, Problems& problems);

// A tree as text, short maps in one line. Reading it gives the tree again.
std::string print_document(const Node& root, Language language);

// Writes "dotted.key=value" into the tree. `number` is the override's, from 1.
void apply_override(std::string_view text, std::uint32_t number, Node& root, Problems& problems);

// Adds a problem when `map` has `key` already. `path` is the map's own dotted path.
void check_duplicate(const Node& map, const std::string& path, const std::string& key,
                     const Mark& mark, Problems& problems);

// "train.epochs" of "train" and "epochs"; "epochs" of "" and "epochs".
std::string join_path(std::string_view section, std::string_view key);

// "values[1]" of "values" and "[1]"; else join_path, where an empty key adds nothing.
std::string place_in(std::string_view path, std::string_view key);

// `text` in quotes for a message: cut when long, control characters escaped.
std::string quoted(std::string_view text);

}  // namespace dl::spec
