#include "cmd/dlctl/terminal/terminal.h"

#include <sys/ioctl.h>

#include <charconv>

namespace dl::dlctl {
namespace {

std::size_t size_from(const Environment& env, std::string_view name, std::size_t known,
                      std::size_t fallback) {
  if (const auto text = env(name)) {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc{} && end == text->data() + text->size() && value > 0) return value;
  }
  return known > 0 ? known : fallback;
}

bool is_set(const Environment& env, std::string_view name) {
  const auto value = env(name);
  return value && !value->empty();
}

bool wants_color(bool tty, bool dumb, const Environment& env, ColorChoice choice) {
  if (choice != ColorChoice::kAuto) return choice == ColorChoice::kAlways;
  if (is_set(env, "NO_COLOR")) return false;
  if (is_set(env, "CLICOLOR_FORCE") && *env("CLICOLOR_FORCE") != "0") return true;
  return tty && !dumb;
}

// An unset locale is taken as UTF-8: terminals are, and containers seldom set one.
bool has_unicode(const Environment& env) {
  for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!is_set(env, name)) continue;
    const std::string locale = *env(name);
    return locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return true;
}

}  // namespace

Terminal make_terminal(bool tty, std::size_t columns, std::size_t rows, const Environment& env,
                       ColorChoice choice) {
  const bool dumb = env("TERM").value_or("") == "dumb";
  Terminal terminal;
  terminal.tty = tty && !dumb;
  terminal.color = wants_color(tty, dumb, env, choice);
  terminal.unicode = has_unicode(env);
  if (tty) {
    terminal.width = size_from(env, "COLUMNS", columns, 80);
    terminal.height = size_from(env, "LINES", rows, 24);
  }
  return terminal;
}

TerminalSize terminal_size(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

}  // namespace dl::dlctl
