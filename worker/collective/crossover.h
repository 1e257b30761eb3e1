// Which all-reduce is for which size of vector: measured, by tests/bench/allreduce/crossover.py;
// docs/collectives.md has its figures. Between two algorithms with the same order of sums only time
// depends on the choice.

#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace dl::worker::collective {

// Up to here all ranks sum the whole vector (flat), above each a part of it (staged): with more
// ranks there is more to sum than to wait for.
constexpr std::size_t flat_bytes_worthwhile(std::uint32_t ranks) {
  if (ranks <= 2) return 128 << 10;
  return 16 << 10;
}

// Up to here the links of TCP are used in two shots, above it around a ring. On one host a ring
// costs P − 2 more wake-ups a chunk; between hosts it keeps the links busy both ways all the time.
// Two ranks are a ring of two shots.
constexpr std::size_t two_shot_bytes_worthwhile(bool near, std::uint32_t ranks) {
  if (ranks <= 2) return 0;
  return near ? std::numeric_limits<std::size_t>::max() : 64 << 10;
}

}  // namespace dl::worker::collective
