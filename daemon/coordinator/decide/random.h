// Randomness that can be replayed: the generator's state is in State and moves by mutations.

#pragma once

#include <cstdint>

namespace dl::coordinator {

// splitmix64: the next number; `state` moves on.
constexpr std::uint64_t next_random(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace dl::coordinator
