#include "model/spec/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

namespace dl::spec {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// From the largest to the smallest, so that the first that divides a value is its shortest form.
constexpr std::array<Unit, 4> kDurations = {
    {{"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 9> kSizes = {{{"TiB", 1ull << 40},
                                         {"GiB", 1ull << 30},
                                         {"MiB", 1ull << 20},
                                         {"KiB", 1ull << 10},
                                         {"TB", 1'000'000'000'000},
                                         {"GB", 1'000'000'000},
                                         {"MB", 1'000'000},
                                         {"KB", 1'000},
                                         {"B", 1}}};

template <class Number>
bool take_digits(std::string_view& text, Number& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// "<number><unit>", once or, with `repeated`, in falling units.
std::optional<std::uint64_t> parse_units(std::string_view text, std::span<const Unit> units,
                                         bool repeated) {
  std::uint64_t total = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    std::uint64_t number = 0;
    if (!take_digits(text, number)) return std::nullopt;
    const std::string_view name = text.substr(0, text.find_first_of("0123456789"));
    const auto unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
    std::uint64_t part = 0;
    if (unit == units.end() || __builtin_mul_overflow(number, unit->size, &part) ||
        __builtin_add_overflow(total, part, &total)) {
      return std::nullopt;
    }
    text.remove_prefix(name.size());
    if (!repeated && !text.empty()) return std::nullopt;
    units = units.subspan(static_cast<std::size_t>(unit - units.begin()) + 1);
  }
  return total;
}

// As digits and the largest unit that divides the value.
std::string format_units(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.size == 0) return std::to_string(value / unit.size) + std::string(unit.name);
  }
  return std::to_string(value);
}

}  // namespace

std::optional<std::uint64_t> parse_whole(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 10;
  std::string_view digits = base == 10 ? text : text.substr(2);
  std::uint64_t number = 0;
  if (take_digits(digits, number, base) && digits.empty()) return number;
  // Doubles hold whole numbers exactly up to 2^53.
  const auto real = base == 10 ? parse_real(text) : std::nullopt;
  if (!real || *real < 0 || *real > 9'007'199'254'740'992.0 || std::trunc(*real) != *real)
    return std::nullopt;
  if (text.find_first_of(".eE") == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint64_t>(*real);
}

std::optional<double> parse_real(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  // from_chars knows "inf" and "nan", which are words here.
  if (text.find_first_not_of("0123456789+-.eE") != std::string_view::npos) return std::nullopt;
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<bool> parse_bool(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text == "0") return std::chrono::milliseconds(0);
  const auto count = parse_units(text, kDurations, true);
  if (!count || *count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    return std::nullopt;
  }
  return std::chrono::milliseconds(*count);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  if (const auto bytes = parse_whole(text)) return bytes;
  return parse_units(text, kSizes, false);
}

std::string format_real(double value) {
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), end};
}

std::string format_duration(std::chrono::milliseconds value) {
  if (value.count() == 0) return "0s";
  return format_units(static_cast<std::uint64_t>(value.count()), kDurations);
}

std::string format_bytes(std::uint64_t value) {
  if (value == 0) return "0";
  const std::span<const Unit> binary = std::span(kSizes).first(4);
  return format_units(value, binary);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  if (a.size() > 64 || b.size() > 64) return std::max(a.size(), b.size());
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] =
          std::min({row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        next[j] = std::min(next[j], before[j - 2] + 1);
      }
    }
    std::swap(before, row);
    std::swap(row, next);
  }
  return row[b.size()];
}

}  // namespace dl::spec
