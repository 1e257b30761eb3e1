#include "base/quantity.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>

namespace dl {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr std::array<Unit, 6> kTimeUnits{
    {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"m", 60e6}, {"h", 3600e6}, {"d", 86400e6}}};
constexpr double kKi = 1024;
constexpr std::array<Unit, 11> kByteUnits{{{"", 1},
                                           {"B", 1},
                                           {"KiB", kKi},
                                           {"MiB", kKi* kKi},
                                           {"GiB", kKi* kKi* kKi},
                                           {"TiB", kKi* kKi* kKi* kKi},
                                           {"kB", 1e3},
                                           {"KB", 1e3},
                                           {"MB", 1e6},
                                           {"GB", 1e9},
                                           {"TB", 1e12}}};

// Takes "<number><unit>" off the front of `text`; the amount in base units, or nothing.
Result<double> take_amount(std::string_view& text, std::span<const Unit> units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + digits, number, std::chars_format::fixed);
  if (error != std::errc{} || end != text.data() + digits) return invalid_argument("no number");
  text.remove_prefix(digits);
  const std::size_t letters = std::min(text.find_first_of("0123456789."), text.size());
  for (const Unit& unit : units) {
    if (text.substr(0, letters) != unit.name) continue;
    text.remove_prefix(letters);
    return number * unit.factor;
  }
  return invalid_argument("unknown unit");
}

Error not_an_amount(std::string_view text, std::string_view wanted) {
  return invalid_argument("\"" + std::string(text) + "\" is not " + std::string(wanted));
}

// Below 2^63 in base units, so that the cast is defined.
constexpr double kAmountMax = 9.2e18;

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const Error error = not_an_amount(text, "a duration; write it like 500ms, 30s or 1m30s");
  if (text == "0") return Duration{0};
  if (text.empty()) return error;
  double total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto amount = take_amount(rest, kTimeUnits);
    if (!amount) return error;
    total += *amount;
  }
  if (total > kAmountMax) return error;
  return Duration{static_cast<std::int64_t>(std::llround(total))};
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const Error error = not_an_amount(text, "a size; write it like 4096, 64MiB or 1.5GiB");
  std::string_view rest = text;
  const auto amount = take_amount(rest, kByteUnits);
  if (!amount || !rest.empty() || *amount > kAmountMax) return error;
  return static_cast<std::uint64_t>(std::llround(*amount));
}

Result<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return not_an_amount(text, "a whole number");
  }
  return number;
}

std::string to_bytes_string(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> kUnits{"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes != 0 && bytes % 1024 == 0 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return std::to_string(bytes) + std::string(kUnits[unit]);
}

}  // namespace dl
