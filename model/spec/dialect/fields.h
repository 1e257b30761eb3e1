// Fields are the entries of one mapping of a foreign document. A reader takes what it knows and
// names what it ignores; what is left at the end is a problem or a note.

#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/spec/dialect/dialect.h"

namespace dl::spec {

class Fields {
 public:
  // `node` must outlive this. One that is no mapping is a problem, and has no fields.
  Fields(const Node& node, std::string path, Findings& findings);

  // The entry under this name in any spelling, max_trials or maxTrials, or null; then it counts as
  // read. An entry without a value counts as not there.
  const Entry* take(std::string_view name);
  // The same as text; a problem when it is a list or a mapping.
  std::optional<std::string> take_text(std::string_view name);
  // Whether it is there and says true; a problem when it says neither true nor false.
  bool take_truth(std::string_view name);
  // The fields of a mapping inside.
  std::optional<Fields> take_fields(std::string_view name);
  // The items of a list inside; a problem when it is something else.
  std::span<const Node> take_items(std::string_view name);
  // One of `words` in any case, as it stands there; a problem when it is none of them.
  std::optional<std::string_view> take_word(std::string_view name,
                                            std::initializer_list<std::string_view> words);

  // Notes that the entry is ignored, and why or what to do instead; nothing when it is not there.
  void ignore(std::string_view name, std::string_view why);
  void ignore(std::initializer_list<std::string_view> names, std::string_view why);

  // What was not read: a problem with the nearest name, or in mappings that others extend a note.
  void refuse_rest();
  void ignore_rest(std::string_view why);

  void fail(const Mark& mark, std::string_view name, std::string message);
  void note(const Mark& mark, std::string_view name, std::string message);
  // A problem of a field that should be there.
  void miss(std::string_view name, std::string message);

  const Node& node() const { return *node_; }
  const std::string& path() const { return path_; }
  Findings& findings() const { return *findings_; }

 private:
  bool is_left(const Entry& entry) const;

  const Node* node_;
  std::string path_;
  Findings* findings_;
  std::vector<const Entry*> read_;
  std::vector<std::string_view> known_;
};

// A field's name without its spelling: "maxtrials" of maxTrials, max_trials and MaxTrials.
std::string without_spelling(std::string_view name);

// Finds a field in any spelling.
const Entry* find_field(const Node& map, std::string_view name);

}  // namespace dl::spec
