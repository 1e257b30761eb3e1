#include "cmd/dlctl/terminal/screen.h"

#include <algorithm>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {

std::string Screen::erase() const {
  if (rows_ == 0) return "";
  return "\r\x1b[" + std::to_string(rows_) + "A\x1b[J";
}

// A line that wrapped, or a picture that scrolled, could not be taken back.
std::string Screen::fitted(const std::string& lines) const {
  std::string text;
  std::size_t rows = 0;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    if (terminal_.height > 1 && ++rows >= terminal_.height) break;
    text += cut(lines.substr(at, end - at), terminal_.width, terminal_.unicode) + '\n';
    at = end + 1;
  }
  return text;
}

void Screen::show(const std::string& lines) {
  if (lines == shown_) return;
  shown_ = lines;
  if (!terminal_.tty) {
    out_ << lines << std::flush;
    return;
  }
  const std::string picture = fitted(lines);
  out_ << erase() + picture << std::flush;
  rows_ = static_cast<std::size_t>(std::count(picture.begin(), picture.end(), '\n'));
}

void Screen::print(const std::string& lines) {
  if (!terminal_.tty) {
    out_ << lines << std::flush;
    return;
  }
  const std::string picture = fitted(shown_);
  out_ << erase() + lines + picture << std::flush;
}

void Screen::clear() {
  if (terminal_.tty) out_ << erase() << std::flush;
  shown_.clear();
  rows_ = 0;
}

}  // namespace dl::dlctl
