// Random numbers that are the same on every machine and with every standard library: the order of
// samples and the synthetic data are part of a run's identity.

#pragma once

#include <cstdint>

namespace dl::worker::train {

// SplitMix64: a step of the generator and a good hash at once.
constexpr std::uint64_t mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

constexpr std::uint64_t mix(std::uint64_t a, std::uint64_t b) { return mix(mix(a) ^ b); }

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(mix(seed)) {}

  std::uint64_t next() {
    const std::uint64_t value = mix(state_);
    state_ += 0x9e3779b97f4a7c15;
    return value;
  }

  // Below `bound`, which is at least 1. Its bias is below bound / 2^64.
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }

  // In [-1, 1).
  float symmetric() {
    return static_cast<float>(static_cast<std::int64_t>(next()) >> 40) / 8388608.0f;
  }

 private:
  std::uint64_t state_;
};

}  // namespace dl::worker::train
