// The one table of a spec's keys. Reading, defaults, suggestions, to_yaml, to_json and docs/spec.md
// all follow it: a key exists when it stands here, and nowhere else.

#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/job_spec.h"

namespace dl::spec {

// What a key's value goes into: fields of the job, or of the role at hand.
struct Target {
  JobSpec& job;
  RoleSpec& role;
};

template <class Value>
using Member = Value& (*)(Target);

using Shape = std::array<std::uint32_t, 3>;
using Sizes = std::vector<std::uint32_t>;
using Texts = std::map<std::string, std::string>;
using Goal = std::optional<double>;  // A number that need not be there.
using Objectives = std::vector<Objective>;
using Constraints = std::vector<Constraint>;
using Points = std::vector<Assignment>;

// The member's type is the key's type.
using Field =
    std::variant<Member<bool>, Member<std::uint32_t>, Member<std::uint64_t>, Member<double>,
                 Member<std::string>, Member<std::chrono::milliseconds>, Member<Sizes>,
                 Member<Shape>, Member<Texts>, Member<Goal>, Member<Objectives>, Member<Parameters>,
                 Member<Constraints>, Member<Points>>;

enum class AppliesTo : std::uint8_t { kEveryJob, kModel, kCommand, kSearch };

// How a text is written.
enum class Form : std::uint8_t {
  kAny,
  kName,          // [a-zA-Z0-9][a-zA-Z0-9._-]{0,62}
  kAbsolutePath,  // Begins with "/", or is empty: the nodes know no current folder.
};

// What values a key takes, beyond its type.
struct Rule {
  // Whole numbers, bytes, milliseconds, and each number of a list.
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  // Real numbers: low ≤ value ≤ high, or < where the bound is excluded.
  double low = 0;
  double high = std::numeric_limits<double>::infinity();
  bool excludes_low = false;
  bool excludes_high = false;
  std::span<const std::string_view> words = {};  // A text that is one of these.
  Form form = Form::kAny;
  bool bytes = false;          // A whole number that may have a unit: "4GiB".
  std::string_view zero = {};  // The word that is written for 0, besides what `least` allows.
};

struct Key {
  std::string_view path;  // Dotted: "train.epochs". "roles.*.count" stands for every role.
  Field field;
  Rule rule;
  AppliesTo applies_to;
  std::string_view default_note;  // Where the default is not the field's own: "the model's name".
  std::string_view help;          // A sentence without its full stop.
};

// In the order of docs/spec.md and to_yaml; the keys of a section stand together.
std::span<const Key> keys();

// The keys of the `search` block; a part of keys().
std::vector<Key> search_keys();

// The key at a dotted path of a document, "roles.worker.gpus" for "roles.*.gpus"; or null.
const Key* find_key(std::string_view path);

// "a whole number from 1 to 1024", "one of sgd, adam, adamw": what a message says is expected.
std::string expected(const Key& key);

// The keys as the tree that a document is held against.
struct Section {
  std::string_view name;  // The last part of its path; empty for the root.
  AppliesTo applies_to = AppliesTo::kEveryJob;
  std::vector<Section> sections;
  std::vector<const Key*> keys;

  const Section* section(std::string_view key) const;
  const Key* key(std::string_view key) const;
  // The names of all that may stand in it, in the table's order.
  std::vector<std::string_view> names() const;
};

const Section& root_section();

// "epochs" of "train.epochs".
std::string_view last_part(std::string_view path);

}  // namespace dl::spec
