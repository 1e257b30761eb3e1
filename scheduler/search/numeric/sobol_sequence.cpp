#include "scheduler/search/numeric/sobol_sequence.h"

#include <array>

#include "scheduler/search/random_stream.h"

namespace dl::scheduler {
namespace {

constexpr std::size_t kBits = 32;

// A primitive polynomial over GF(2), its highest bit first, and the first direction numbers.
struct Direction {
  std::uint32_t polynomial;
  std::array<std::uint32_t, 9> numbers;
};

// Of axis 1 on: axis 0 is van der Corput's sequence.
constexpr std::array<Direction, kSobolAxes - 1> kDirections = {{
    {3, {1}},
    {7, {1, 3}},
    {11, {1, 3, 1}},
    {13, {1, 1, 1}},
    {19, {1, 1, 3, 3}},
    {25, {1, 3, 5, 13}},
    {37, {1, 1, 5, 5, 17}},
    {41, {1, 1, 5, 5, 5}},
    {47, {1, 1, 7, 11, 19}},
    {55, {1, 1, 5, 1, 1}},
    {59, {1, 1, 1, 3, 11}},
    {61, {1, 3, 5, 5, 31}},
    {67, {1, 3, 3, 9, 7, 49}},
    {91, {1, 1, 1, 15, 21, 21}},
    {97, {1, 3, 1, 13, 27, 49}},
    {103, {1, 1, 1, 15, 7, 5}},
    {109, {1, 3, 1, 15, 13, 25}},
    {115, {1, 1, 5, 5, 19, 61}},
    {131, {1, 3, 7, 11, 23, 15, 103}},
    {137, {1, 3, 7, 13, 13, 15, 69}},
    {143, {1, 1, 3, 13, 7, 35, 63}},
    {145, {1, 3, 5, 9, 1, 25, 53}},
    {157, {1, 3, 1, 13, 9, 35, 107}},
    {167, {1, 3, 1, 5, 27, 61, 31}},
    {171, {1, 1, 5, 11, 19, 41, 61}},
    {185, {1, 3, 5, 3, 3, 13, 69}},
    {191, {1, 1, 7, 13, 1, 19, 1}},
    {193, {1, 3, 7, 5, 13, 19, 59}},
    {203, {1, 1, 3, 9, 25, 29, 41}},
    {211, {1, 3, 5, 13, 23, 1, 55}},
    {213, {1, 3, 7, 3, 13, 59, 17}},
    {229, {1, 3, 1, 3, 5, 53, 69}},
    {239, {1, 1, 5, 5, 23, 33, 13}},
    {241, {1, 1, 7, 7, 1, 61, 123}},
    {247, {1, 1, 7, 9, 13, 61, 49}},
    {253, {1, 3, 3, 5, 3, 55, 33}},
    {285, {1, 3, 1, 15, 31, 13, 49, 245}},
    {299, {1, 3, 5, 15, 31, 59, 63, 97}},
    {301, {1, 3, 1, 11, 11, 11, 77, 249}},
    {333, {1, 3, 1, 11, 27, 43, 71, 9}},
    {351, {1, 1, 7, 15, 21, 11, 81, 45}},
    {355, {1, 3, 7, 3, 25, 31, 65, 79}},
    {357, {1, 3, 1, 1, 19, 11, 3, 205}},
    {361, {1, 1, 5, 9, 19, 21, 29, 157}},
    {369, {1, 3, 7, 11, 1, 33, 89, 185}},
    {391, {1, 3, 3, 3, 15, 9, 79, 71}},
    {397, {1, 3, 7, 11, 15, 39, 119, 27}},
    {425, {1, 1, 3, 1, 11, 31, 97, 225}},
    {451, {1, 1, 1, 3, 23, 43, 57, 177}},
    {463, {1, 3, 7, 7, 17, 17, 37, 71}},
    {487, {1, 3, 1, 5, 27, 63, 123, 213}},
    {501, {1, 1, 3, 5, 11, 43, 53, 133}},
    {529, {1, 3, 5, 5, 29, 17, 47, 173, 479}},
    {539, {1, 3, 3, 11, 3, 1, 109, 9, 69}},
    {545, {1, 1, 1, 5, 17, 39, 23, 5, 343}},
    {557, {1, 3, 1, 5, 25, 15, 31, 103, 499}},
    {563, {1, 1, 1, 11, 11, 17, 63, 105, 183}},
    {601, {1, 1, 5, 11, 9, 29, 97, 231, 363}},
    {607, {1, 1, 5, 15, 19, 45, 41, 7, 383}},
    {617, {1, 3, 7, 7, 31, 19, 83, 137, 221}},
    {623, {1, 1, 1, 3, 23, 15, 111, 223, 83}},
    {631, {1, 1, 5, 13, 31, 15, 55, 25, 161}},
    {637, {1, 1, 3, 13, 25, 47, 39, 87, 257}},
}};

using Matrix = std::array<std::uint32_t, kBits>;

Matrix matrix_of(std::size_t axis) {
  Matrix columns{};
  if (axis == 0) {
    for (std::size_t i = 0; i < kBits; ++i) columns[i] = 1U << (kBits - 1 - i);
    return columns;
  }
  const Direction& direction = kDirections[axis - 1];
  std::size_t degree = 0;
  while (direction.polynomial >> (degree + 1) != 0) ++degree;
  for (std::size_t i = 0; i < kBits; ++i) {
    if (i < degree) {
      columns[i] = direction.numbers[i] << (kBits - 1 - i);
      continue;
    }
    columns[i] = columns[i - degree] ^ (columns[i - degree] >> degree);
    for (std::size_t k = 1; k < degree; ++k) {
      if ((direction.polynomial >> (degree - k)) & 1) columns[i] ^= columns[i - k];
    }
  }
  return columns;
}

// Flips each bit by a hash of those above it: a random tree of flips, which is Owen's scrambling.
std::uint32_t scrambled(std::uint32_t x, std::uint64_t key) {
  std::uint32_t result = 0;
  for (std::size_t bit = 0; bit < kBits; ++bit) {
    const std::uint32_t above = bit == 0 ? 0 : x >> (kBits - bit);
    const std::uint64_t flip = mix_bits(key ^ mix_bits((std::uint64_t{above} << 6) | bit)) >> 63;
    const std::uint32_t own = (x >> (kBits - 1 - bit)) & 1;
    result = (result << 1) | (own ^ static_cast<std::uint32_t>(flip));
  }
  return result;
}

}  // namespace

std::vector<double> SobolSequence::point(std::uint32_t index) const {
  static const auto kMatrices = [] {
    std::array<Matrix, kSobolAxes> all{};
    for (std::size_t axis = 0; axis < kSobolAxes; ++axis) all[axis] = matrix_of(axis);
    return all;
  }();
  std::vector<double> coordinates(axes_);
  RandomStream beyond(seed_, index);
  for (std::size_t axis = 0; axis < axes_; ++axis) {
    if (axis >= kSobolAxes) {
      coordinates[axis] = beyond.uniform();
      continue;
    }
    std::uint32_t x = 0;
    for (std::size_t i = 0; index >> i != 0; ++i) {
      if ((index >> i) & 1) x ^= kMatrices[axis][i];
    }
    RandomStream key(seed_, axis);
    coordinates[axis] = (static_cast<double>(scrambled(x, key.bits())) + 0.5) * 0x1p-32;
  }
  return coordinates;
}

}  // namespace dl::scheduler
