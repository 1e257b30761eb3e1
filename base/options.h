// Options are declared once, in a table, and that table is the command line's flags, the keys of
// the configuration file, the environment's variables, the text of --help and docs/options.md.
//
// An option is named in snake_case ("lost_after"); its flag is --lost-after. All values arrive as
// text and are checked against type and bounds as they arrive, so that what is read later is right.
// Where a value comes from decides, not when it came: flag > environment > file > default.
//
// It is pure: who calls it reads the environment and the file (daemon/runtime/config does).

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace dl {

enum class OptionType { kString, kBool, kInteger, kDuration, kBytes, kPath, kList };

struct Option {
  std::string name;  // "lost_after"
  OptionType type = OptionType::kString;
  std::string default_value;  // As a user would write it; "" is a value for strings, paths, lists.
  std::string help;           // A sentence without a final full stop.
  std::string min = {}, max = {};  // Inclusive bounds of numbers, durations and sizes; "" is none.
  std::vector<std::string> choices = {};  // Of a string: the only ones.
  std::string environment = {};           // "DL_TOKEN_FILE"; empty: not read from there.
};

enum class OptionSource { kDefault, kFile, kEnvironment, kFlag };

class Options {
 public:
  // The table is the program's own: a wrong default, or a name twice, is a broken invariant.
  explicit Options(std::vector<Option> table);

  // Checks `text` and takes it, unless a stronger source has spoken. The error names the value,
  // what was expected, and for an unknown name the nearest one.
  Result<void> set(std::string_view name, std::string_view text, OptionSource source);

  // Reads "--name value", "--name=value", "--flag", "--no-flag"; a list's flag may be repeated.
  // What does not begin with "--" is left over and returned.
  Result<std::vector<std::string>> parse_flags(std::span<const char* const> arguments);

  // `lookup` is getenv(3) or a test's table.
  Result<void> read_environment(const std::function<const char*(const char*)>& lookup);

  const std::string& string(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  Duration duration(std::string_view name) const;
  std::uint64_t bytes(std::string_view name) const;
  const std::string& path(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;  // Separated by commas.

  // True once a user has said something, be it the default.
  bool is_set(std::string_view name) const;
  std::span<const Option> table() const { return table_; }
  std::vector<std::string> names() const;

 private:
  struct Value {
    std::string text;
    OptionSource source = OptionSource::kDefault;
  };

  const Option* find(std::string_view name) const;
  const std::string& text_of(std::string_view name, OptionType type) const;

  std::vector<Option> table_;
  std::map<std::string, Value, std::less<>> values_;
};

// "--lost-after" of "lost_after".
std::string flag_of(std::string_view name);
// "lost-after" back to "lost_after".
std::string name_of_flag(std::string_view flag);

// The text of --help: the usage line, then a block an option.
std::string help_text(std::string_view usage, std::span<const Option> table);

// The options as a Markdown table, one row an option.
std::string options_markdown(std::span<const Option> table);

}  // namespace dl
