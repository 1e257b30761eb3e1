// Which all-reduce is for which size of vector: measured, by tests/bench/allreduce/crossover.py;
// docs/collectives.md has its figures. Between two algorithms with the same order of sums only time
// depends on the choice.

#pragma once

#include <cstddef>
#include <cstdint>

namespace dl::worker::collective {

// Up to here all ranks sum the whole vector (flat), above each a part of it (staged): with more
// ranks there is more to sum than to wait for.
constexpr std::size_t flat_bytes_worthwhile(std::uint32_t ranks) {
  if (ranks <= 2) return 128 << 10;
  return 16 << 10;
}

}  // namespace dl::worker::collective
