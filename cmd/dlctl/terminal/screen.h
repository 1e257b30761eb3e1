// Screen keeps a few lines at the bottom of the output up to date: redrawn in place on a
// terminal; in a pipe each new picture is written below the last one, when it has changed.

#pragma once

#include <ostream>
#include <string>

#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

class Screen {
 public:
  Screen(std::ostream& out, Terminal terminal) : out_(out), terminal_(terminal) {}

  // Shows `lines` (each with its line end) in place of what was shown before.
  void show(const std::string& lines);
  // Writes lines that stay, above the picture.
  void print(const std::string& lines);
  // Takes the picture away. Nothing happens in a pipe.
  void clear();

 private:
  std::string erase() const;
  std::string fitted(const std::string& lines) const;

  std::ostream& out_;
  Terminal terminal_;
  std::string shown_;
  std::size_t rows_ = 0;  // Of the picture on the terminal.
};

}  // namespace dl::dlctl
