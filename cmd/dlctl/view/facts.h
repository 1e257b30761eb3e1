// Facts are lines of a word and its value, aligned: what is known of one thing.

#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {

class Facts {
 public:
  explicit Facts(bool color) : color_(color) {}

  // Columns before a value, if no word is longer than the usual ones.
  static constexpr std::size_t kIndent = 16;

  // A line "  word          value"; nothing when the value is empty.
  void add(std::string word, std::string value) {
    if (!value.empty()) lines_.emplace_back(std::move(word), std::move(value));
  }

  std::string text() const {
    std::size_t width = kIndent - 4;
    for (const auto& [word, value] : lines_) width = std::max(width, display_width(word));
    std::string text;
    for (const auto& [word, value] : lines_) {
      text += "  " + styled(pad_right(word, width), Style::kDim, color_) + "  " + value + "\n";
    }
    return text;
  }

 private:
  bool color_;
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace dl::dlctl
