// Text as a terminal shows it: how wide it is, where to cut it, which colour it has.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace dl::dlctl {

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue, kMagenta, kCyan };

// `text` between the escape sequences of `style`; as it is when `color` is off.
std::string styled(std::string_view text, Style style, bool color);

// Columns that UTF-8 text takes up. Escape sequences do not count.
std::size_t display_width(std::string_view text);

// At most `width` columns of `text`, the last one "…" when something was cut. Escape sequences
// stay whole, and colours that were on are switched off at the end. 0: no limit.
std::string cut(std::string_view text, std::size_t width, bool unicode = true);

// `text` filled up with spaces to `width` columns.
std::string pad_right(std::string_view text, std::size_t width);
std::string pad_left(std::string_view text, std::size_t width);

// Without control characters: what programs and people put into names and messages must not
// move the cursor. Line ends and tabs become spaces.
std::string one_line(std::string_view text);

// "1,160"
std::string with_commas(std::uint64_t number);

// A double with `digits` significant digits and no trailing zeros: "0.9312", "2994", "1e-05".
std::string short_number(double value, int digits = 4);

// "91.04": `digits` digits behind the point.
std::string fixed(double value, int digits);

// "512 B", "12 MiB"
std::string byte_size(std::uint64_t bytes);

}  // namespace dl::dlctl
