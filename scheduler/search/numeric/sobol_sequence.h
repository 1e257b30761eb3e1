// Sobol's low-discrepancy sequence with the direction numbers of Joe and Kuo (2008, new-joe-kuo-6),
// scrambled so that each coordinate is uniform over seeds and the points stay a (t, s)-sequence
// (Owen 1995, by hashing as in Burley 2020).

#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dl::scheduler {

inline constexpr std::size_t kSobolAxes = 64;

class SobolSequence {
 public:
  // Axes beyond kSobolAxes are random.
  SobolSequence(std::size_t axes, std::uint64_t seed) : axes_(axes), seed_(seed) {}

  // Point `index` from 0, each coordinate in (0, 1).
  std::vector<double> point(std::uint32_t index) const;

 private:
  std::size_t axes_;
  std::uint64_t seed_;
};

}  // namespace dl::scheduler
