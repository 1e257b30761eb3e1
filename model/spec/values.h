// How numbers, durations and sizes are written in a spec. Pure; nullopt for what is not one.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace dl::spec {

// YAML's integers of the core schema, unsigned: 10, +10, 0x10, 0o17; and 1e6, for it is whole.
std::optional<std::uint64_t> parse_whole(std::string_view text);

// Finite numbers: 0.1, 1e-4, .5, -2. Not ".inf" or ".nan", nor what overflows.
std::optional<double> parse_real(std::string_view text);

// true, True, TRUE and the like of false. Not yes, on or 1.
std::optional<bool> parse_bool(std::string_view text);

// "500ms", "15s", "2m", "1h", "1m30s". A bare number has no unit and is none, but 0 is.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

// "4GiB", "512MiB", "64KiB", "10MB" (powers of 1000), "100B", 100: bytes.
std::optional<std::uint64_t> parse_bytes(std::string_view text);

// The shortest text that reads back as the same value.
std::string format_real(double value);
std::string format_duration(std::chrono::milliseconds value);
std::string format_bytes(std::uint64_t value);

// The one of `words` that `word` was meant to be, or empty. Counts transposed letters as one slip
// and allows one slip in three letters.
template <class Words>
std::string_view nearest(std::string_view word, const Words& words);

// Slips between two words: letters left out, put in, replaced or transposed with their neighbour.
std::size_t edit_distance(std::string_view a, std::string_view b);

template <class Words>
std::string_view nearest(std::string_view word, const Words& words) {
  std::string_view best;
  std::size_t best_distance = word.size() / 3 + 2;
  for (const std::string_view candidate : words) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace dl::spec
