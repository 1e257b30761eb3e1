#include "cmd/dlctl/terminal/text.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace dl::dlctl {
namespace {

const char* escape_of(Style style) {
  switch (style) {
    case Style::kPlain: return "";
    case Style::kBold: return "\x1b[1m";
    case Style::kDim: return "\x1b[2m";
    case Style::kRed: return "\x1b[31m";
    case Style::kGreen: return "\x1b[32m";
    case Style::kYellow: return "\x1b[33m";
    case Style::kBlue: return "\x1b[34m";
    case Style::kMagenta: return "\x1b[35m";
    case Style::kCyan: return "\x1b[36m";
  }
  return "";
}

constexpr std::string_view kReset = "\x1b[0m";

// One thing the terminal is sent: a character with its columns, or an escape sequence.
struct Unit {
  std::size_t bytes = 1;
  std::size_t columns = 1;
};

// East Asian wide characters and emoji; combining marks take no column.
std::size_t columns_of(char32_t c) {
  if ((c >= 0x300 && c <= 0x36f) || c == 0x200b || c == 0x200d || (c >= 0xfe00 && c <= 0xfe0f)) {
    return 0;
  }
  const bool wide = (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
                    (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
                    (c >= 0xfe30 && c <= 0xfe6f) || (c >= 0xff00 && c <= 0xff60) ||
                    (c >= 0x1f300 && c <= 0x1faff) || (c >= 0x20000 && c <= 0x3fffd);
  return wide ? 2 : 1;
}

Unit escape_at(std::string_view text) {
  std::size_t bytes = 2;
  while (bytes < text.size() && (text[bytes] < '@' || text[bytes] > '~')) ++bytes;
  return {std::min(bytes + 1, text.size()), 0};
}

Unit unit_at(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first == 0x1b && text.size() > 1 && text[1] == '[') return escape_at(text);
  if (first < 0x80) return {1, first < 0x20 ? 0u : 1u};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc0 ? 2 : 1;
  if (length == 1 || length > text.size()) return {1, 1};
  char32_t point = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    point = (point << 6) | (static_cast<unsigned char>(text[i]) & 0x3fu);
  }
  return {length, columns_of(point)};
}

}  // namespace

std::string styled(std::string_view text, Style style, bool color) {
  if (!color || style == Style::kPlain || text.empty()) return std::string(text);
  return escape_of(style) + std::string(text) + std::string(kReset);
}

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Unit unit = unit_at(text);
    width += unit.columns;
    text.remove_prefix(unit.bytes);
  }
  return width;
}

std::string cut(std::string_view text, std::size_t width, bool unicode) {
  if (width == 0 || display_width(text) <= width) return std::string(text);
  std::string result;
  std::size_t columns = 0;
  bool escaped = false;
  while (!text.empty()) {
    const Unit unit = unit_at(text);
    if (columns + unit.columns > width - 1) break;
    columns += unit.columns;
    escaped = escaped || text[0] == '\x1b';
    result += text.substr(0, unit.bytes);
    text.remove_prefix(unit.bytes);
  }
  result += unicode ? "…" : "~";
  if (escaped) result += kReset;
  return result;
}

std::string pad_right(std::string_view text, std::size_t width) {
  const std::size_t columns = display_width(text);
  return std::string(text) + std::string(columns < width ? width - columns : 0, ' ');
}

std::string pad_left(std::string_view text, std::size_t width) {
  const std::size_t columns = display_width(text);
  return std::string(columns < width ? width - columns : 0, ' ') + std::string(text);
}

std::string one_line(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || c == '\r') {
      if (!result.empty() && result.back() != ' ') result += ' ';
    } else if (byte >= 0x20 && byte != 0x7f) {
      result += c;
    }
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

std::string with_commas(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, ",");
  return digits;
}

std::string short_number(double value, int digits) {
  std::array<char, 40> text{};
  // %g would write 12345 as 1.234e+04; whole numbers are shown whole.
  if (std::abs(value) >= std::pow(10.0, digits - 1) && std::abs(value) < 1e15) {
    std::snprintf(text.data(), text.size(), "%.0f", value);
  } else {
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
  }
  return text.data();
}

std::string fixed(double value, int digits) {
  std::array<char, 340> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string byte_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 6> kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), value < 10 && unit > 0 ? "%.1f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text.data();
}

}  // namespace dl::dlctl
