// Random numbers that are a function of a seed and of what they are for, so that a suggestion can
// be made again from the history alone.

#pragma once

#include <cstdint>

#include "scheduler/search/numeric/normal.h"

namespace dl::scheduler {

// The finalizer of SplitMix64 (Steele, Lea, Flood 2014): a bijection that looks random.
constexpr std::uint64_t mix_bits(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// The stream of one purpose, such as one trial's suggestion.
class RandomStream {
 public:
  constexpr RandomStream(std::uint64_t seed, std::uint64_t purpose)
      : state_(mix_bits(mix_bits(seed + kStep) ^ (purpose * 0xd1342543de82ef95ULL + kStep))) {}

  constexpr std::uint64_t bits() { return mix_bits(state_ += kStep); }
  // In (0, 1).
  constexpr double uniform() { return (static_cast<double>(bits() >> 12) + 0.5) * 0x1p-52; }
  double normal() { return normal_quantile(uniform()); }
  // In [0, count); count > 0.
  constexpr std::uint64_t below(std::uint64_t count) {
    return static_cast<std::uint64_t>(uniform() * static_cast<double>(count));
  }

 private:
  static constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15ULL;
  std::uint64_t state_;
};

}  // namespace dl::scheduler
