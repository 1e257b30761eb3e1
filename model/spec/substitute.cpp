#include "model/spec/substitute.h"

#include <algorithm>

namespace dl::spec {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_safe(char c) {
  return is_letter(c) || is_digit(c) || std::string_view("./:=@%+,-").find(c) != std::string::npos;
}

// The name in "${name}" at the front of `text`; empty when something else stands there.
std::string_view braced_name(std::string_view text) {
  if (!text.starts_with("${") || text.size() < 4 || !is_letter(text[2])) return {};
  std::size_t end = 2;
  while (end < text.size() &&
         (is_letter(text[end]) || is_digit(text[end]) || text[end] == '.' || text[end] == '-')) {
    ++end;
  }
  return end < text.size() && text[end] == '}' ? text.substr(2, end - 2) : std::string_view{};
}

std::string with_backslashes(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c == '\\' || c == '"' || c == '$' || c == '`') out += '\\';
    out += c;
  }
  return out;
}

std::string in_single_quotes(std::string_view word) {
  std::string out;
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

// Follows the shell's quoting through a command, as far as it decides how a value is quoted.
class CommandScanner {
 public:
  enum class Place : std::uint8_t { kBare, kDouble, kSingle, kBackticks };

  explicit CommandScanner(std::string_view text) : text_(text) {}

  // Where the next "${name}" stands; `at` is then its "$". False at the end.
  bool next(std::size_t& at, Place& place) {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '$' && !braced_name(text_.substr(at_)).empty()) {
        at = at_;
        place = in_single_ ? Place::kSingle : in_backticks_ ? Place::kBackticks : open_.back();
        at_ += braced_name(text_.substr(at_)).size() + 3;
        return true;
      }
      step(c);
    }
    return false;
  }

 private:
  void step(char c) {
    ++at_;
    if (in_single_) {
      in_single_ = c != '\'';
      return;
    }
    const bool bare = open_.back() == Place::kBare;
    if (c == '\\') {
      ++at_;
    } else if (c == '`') {
      in_backticks_ = !in_backticks_;
    } else if (c == '"') {
      bare ? open_.push_back(Place::kDouble) : open_.pop_back();
    } else if (c == '$' && at_ < text_.size() && text_[at_] == '(') {
      ++at_;
      open_.push_back(Place::kBare);
    } else if (bare) {
      step_bare(c);
    }
  }

  void step_bare(char c) {
    if (c == '\'') {
      in_single_ = true;
    } else if (c == '(') {
      open_.push_back(Place::kBare);
    } else if (c == ')') {
      if (open_.size() > 1) open_.pop_back();
    } else if (c == '#' && (at_ == 1 || std::string_view(" \t\n;").find(text_[at_ - 2]) !=
                                            std::string_view::npos)) {
      at_ = std::min(text_.find('\n', at_), text_.size());
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<Place> open_ = {Place::kBare};  // What the text is nested in; never empty.
  bool in_single_ = false;
  bool in_backticks_ = false;
};

std::string quoted_for(CommandScanner::Place place, const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ' ';
    switch (place) {
      case CommandScanner::Place::kDouble: out += with_backslashes(word); break;
      case CommandScanner::Place::kSingle: out += in_single_quotes(word); break;
      default: out += shell_quoted(word); break;
    }
  }
  return out;
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

template <class Visit>
void visit_uses(std::string_view text, TextKind kind, const Visit& visit) {
  if (kind == TextKind::kCommand) {
    CommandScanner scanner(text);
    std::size_t at = 0;
    for (CommandScanner::Place place{}; scanner.next(at, place);)
      visit(at, braced_name(text.substr(at)), place);
    return;
  }
  for (auto at = text.find("${"); at != std::string_view::npos; at = text.find("${", at + 2)) {
    const auto name = braced_name(text.substr(at));
    if (!name.empty()) visit(at, name, CommandScanner::Place::kBare);
  }
}

}  // namespace

std::vector<Use> find_uses(std::string_view text, TextKind kind) {
  std::vector<Use> uses;
  visit_uses(text, kind, [&](std::size_t at, std::string_view name, CommandScanner::Place place) {
    uses.push_back({std::string(name), at, place == CommandScanner::Place::kBackticks});
  });
  return uses;
}

bool is_shell_variable(std::string_view name, std::string_view command) {
  if (std::none_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; }))
    return true;
  for (auto at = command.find(name); at != std::string_view::npos;
       at = command.find(name, at + 1)) {
    const std::string_view before = command.substr(0, at);
    const std::string_view after = command.substr(at + name.size());
    const bool begins = before.empty() || !(is_letter(before.back()) || is_digit(before.back()) ||
                                            before.back() == '-' || before.back() == '{');
    if (begins && (after.starts_with('=') || before.ends_with("for ") || before.ends_with("read ")))
      return true;
  }
  return false;
}

std::string substitute(std::string_view text, TextKind kind, const Replacement& replacement) {
  std::string out;
  std::size_t copied = 0;
  visit_uses(text, kind, [&](std::size_t at, std::string_view name, CommandScanner::Place place) {
    const auto words = replacement(name);
    if (!words) return;
    out += text.substr(copied, at - copied);
    out += kind == TextKind::kCommand ? quoted_for(place, *words) : joined(*words);
    copied = at + name.size() + 3;
  });
  return out.append(text.substr(copied));
}

std::string shell_quoted(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_safe)) return std::string(word);
  return "'" + in_single_quotes(word) + "'";
}

}  // namespace dl::spec
