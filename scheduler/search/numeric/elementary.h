// exp and log that give the same bits on every machine.
//
// A C library picks variants of these by the processor it finds, and they differ in the last bit,
// which an optimizer's path amplifies until two machines suggest different trials. These use IEEE
// additions, multiplications and divisions alone, and loops over them vectorize.
//
// Errors are below 2 units in the last place; results underflow to 0 and do not overflow.

#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

// Before a function whose loops are worth it: compiled twice, for any machine and for AVX2, which
// takes four numbers at a time; without fused operations both give the same bits.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define DL_ALSO_FOR_AVX2 __attribute__((target_clones("avx2", "default")))
#else
#define DL_ALSO_FOR_AVX2
#endif

namespace dl::scheduler {

inline double exp_of(double x) {
  constexpr double kLog2E = 1.4426950408889634, kLn2High = 0x1.62e42fee00000p-1,
                   kLn2Low = 0x1.a39ef35793c76p-33, kRound = 0x1.8p52;
  const double bounded = std::min(std::max(x, -708.0), 709.0);
  const double shifted = bounded * kLog2E + kRound;  // The low bits are the nearest whole number.
  const double k = shifted - kRound;
  const double r = (bounded - k * kLn2High) - k * kLn2Low;
  double p = 1.0 / 6227020800;
  p = p * r + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const auto power = (std::bit_cast<std::uint64_t>(shifted) + 1023) << 52;
  const double value = p * std::bit_cast<double>(power);
  return x < -708.0 ? 0.0 : value;
}

// Of x > 0; −infinity of 0.
inline double log_of(double x) {
  constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
  constexpr std::uint64_t kRootHalf = 0x3fe6a09e667f3bcd, kFraction = 0x000fffffffffffff;
  const bool is_tiny = x < 0x1p-1022;
  const double normal = is_tiny ? x * 0x1p54 : x;
  // From √½ to √2, so that a number just below 1 has no exponent to cancel.
  const std::uint64_t offset = std::bit_cast<std::uint64_t>(normal) - kRootHalf;
  // The exponent as a number of 52 bits behind a 1, for AVX2 converts no integers of 64 bits.
  const std::uint64_t biased = ((offset + (1024ULL << 52)) >> 52) | 0x4330000000000000;
  const double exponent = std::bit_cast<double>(biased) - (0x1p52 + 1024) - (is_tiny ? 54 : 0);
  const double m = std::bit_cast<double>((offset & kFraction) + kRootHalf);
  const double f = (m - 1) / (m + 1), s = f * f;
  double p = 1.0 / 23;
  for (const double k : {21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0})
    p = p * s + 1.0 / k;
  const double tail = 2 * f * s * p + exponent * kLn2Low;
  const double value = exponent * kLn2High + (2 * f + tail);
  return x <= 0 ? -std::numeric_limits<double>::infinity() : value;
}

}  // namespace dl::scheduler
