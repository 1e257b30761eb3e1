// What is known of the place a verb writes to: a person's terminal, or a pipe.

#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace dl::dlctl {

// Looks up an environment variable; tests hand in their own.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;

enum class ColorChoice { kAuto, kAlways, kNever };

// Width and height are 0 where there is no limit: nothing written to a pipe is ever cut.
struct Terminal {
  bool tty = false;  // Lines can be redrawn in place.
  bool color = false;
  bool unicode = true;  // Bars and curves may use block characters.
  std::size_t width = 0;
  std::size_t height = 0;
};

// Decides by --color, NO_COLOR, CLICOLOR_FORCE and TERM=dumb, in this order; the size is
// COLUMNS × LINES, else what the terminal says (`columns` × `rows`, 0: unknown, taken as 80 × 24).
Terminal make_terminal(bool tty, std::size_t columns, std::size_t rows, const Environment& env,
                       ColorChoice choice);

// Columns and rows of the terminal behind a file descriptor; zeros when it is none.
struct TerminalSize {
  std::size_t columns = 0;
  std::size_t rows = 0;
};
TerminalSize terminal_size(int fd);

}  // namespace dl::dlctl
