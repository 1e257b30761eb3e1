// "${lr}" in the commands and the environment of a job with a search.
//
// "${name}" is replaced where name is a parameter, "${search.args}" by --name=value for each
// parameter that is no key of the spec, "${search.json}" by the same as a JSON object. All else is
// left to the shell: "$name", "${NAME:-default}", "\${name}". In a command the value comes quoted
// for where it stands: bare, in double quotes, or in single quotes, so that it is always one word
// of the value's exact text. In the environment it is put in as it is.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dl::spec {

enum class TextKind : std::uint8_t { kCommand, kEnvironment };

// A "${name}".
struct Use {
  std::string name;
  std::size_t offset = 0;
  bool in_backticks = false;  // Where no quoting is right; "$(…)" does the same.
};

// Every "${name}" that might be a parameter's, in order.
std::vector<Use> find_uses(std::string_view text, TextKind kind);

// Whether "${name}" of this command is likely a variable of the shell: in capitals, or set in the
// command itself.
bool is_shell_variable(std::string_view name, std::string_view command);

// The words in the place of "${name}"; nullopt leaves it alone.
using Replacement = std::function<std::optional<std::vector<std::string>>(std::string_view name)>;

std::string substitute(std::string_view text, TextKind kind, const Replacement& replacement);

// One word as the shell reads it back: bare where that is safe, else in single quotes.
std::string shell_quoted(std::string_view word);

}  // namespace dl::spec
