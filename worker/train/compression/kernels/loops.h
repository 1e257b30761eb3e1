// The loops of kernels.h. Included once for each instruction set, by kernels_<set>.cpp.
//
// Everything is in an unnamed namespace and nothing of the standard library that could stay out of
// line is called: else the linker might give the baseline a function that needs AVX2.

#pragma once

#include <cstddef>
#include <cstdint>

#include "worker/train/compression/kernels/kernels.h"

namespace dl::worker::train::kernels {
namespace {

constexpr std::uint32_t kMagnitude = 0x7fffffffu;
constexpr std::uint32_t kInfinity = 0x7f800000u;

inline std::uint32_t bits_of(float value) { return __builtin_bit_cast(std::uint32_t, value); }

inline std::uint16_t round_to_bfloat16(float value) {
  const std::uint32_t bits = bits_of(value);
  const auto rounded = static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
  const auto quiet_nan = static_cast<std::uint16_t>((bits >> 16) | 0x40u);
  return value != value ? quiet_nan : rounded;
}

void to_float16(const float* __restrict from, std::uint16_t* __restrict to, std::size_t count) {
  auto* half = reinterpret_cast<_Float16*>(to);
  for (std::size_t i = 0; i < count; ++i) half[i] = static_cast<_Float16>(from[i]);
}

void to_bfloat16(const float* __restrict from, std::uint16_t* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = round_to_bfloat16(from[i]);
}

void from_float16(const std::uint16_t* __restrict from, float* __restrict to, std::size_t count) {
  const auto* half = reinterpret_cast<const _Float16*>(from);
  for (std::size_t i = 0; i < count; ++i) to[i] = static_cast<float>(half[i]);
}

void from_bfloat16(const std::uint16_t* __restrict from, float* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    to[i] = __builtin_bit_cast(float, static_cast<std::uint32_t>(from[i]) << 16);
  }
}

void add(const float* __restrict from, float* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += from[i];
}

// to[i] += from[i] × factor.
void add_scaled(const float* __restrict from, float factor, float* __restrict to,
                std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += from[i] * factor;
}

// The bits of the largest magnitude, where infinities and NaN are larger than all else.
inline std::uint32_t largest_magnitude(const float* values, std::size_t count) {
  std::uint32_t largest = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t magnitude = bits_of(values[i]) & kMagnitude;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

bool finite(const float* values, std::size_t count) {
  return largest_magnitude(values, count) < kInfinity;
}

inline float unless_huge(float value) {
  return (bits_of(value) & kMagnitude) < bits_of(kHuge) ? value : 0.0f;
}

bool decay_and_add(const float* __restrict from, float factor, float* __restrict to,
                   std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] = to[i] * factor + unless_huge(from[i]);
  return largest_magnitude(from, count) < bits_of(kHuge);
}

void subtract(const float* __restrict from, float* __restrict to, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] -= unless_huge(from[i]);
}

// In blocks that stay in the cache: the sums are vectors' work, the counting is not. Neighbours
// count in histograms of their own, for they often have one bin, and its counter would have to be
// waited for.
bool add_and_count(const float* __restrict from, float* __restrict to, std::size_t count,
                   std::uint32_t* __restrict histogram) {
  constexpr std::size_t kBlock = 1024;
  static_assert(kBlock % 4 == 0, "blocks are counted by fours");
  std::uint32_t counts[4][kBins] = {};
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = begin + kBlock < count ? begin + kBlock : count;
    for (std::size_t i = begin; i < end; ++i) to[i] += unless_huge(from[i]);
    for (std::size_t i = begin; i + 4 <= end; i += 4) {
      for (std::size_t k = 0; k < 4; ++k) {
        ++counts[k][(bits_of(to[i + k]) & kMagnitude) >> kBinShift];
      }
    }
    for (std::size_t i = end - (end - begin) % 4; i < end; ++i) {
      ++counts[0][(bits_of(to[i]) & kMagnitude) >> kBinShift];
    }
  }
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    histogram[bin] = counts[0][bin] + counts[1][bin] + counts[2][bin] + counts[3][bin];
  }
  return largest_magnitude(from, count) < bits_of(kHuge);
}

// Few of them are: whole blocks are passed over at once.
void indices_from(const float* __restrict values, std::size_t count, std::uint32_t least,
                  std::uint32_t* __restrict indices) {
  constexpr std::size_t kBlock = 16;
  std::size_t taken = 0;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = begin + kBlock < count ? begin + kBlock : count;
    if (end - begin == kBlock) {
      std::uint32_t any = 0;
      for (std::size_t i = 0; i < kBlock; ++i) {
        any |= (bits_of(values[begin + i]) & kMagnitude) >= least ? 1u : 0u;
      }
      if (any == 0) continue;
    }
    for (std::size_t i = begin; i < end; ++i) {
      if ((bits_of(values[i]) & kMagnitude) >= least) {
        indices[taken++] = static_cast<std::uint32_t>(i);
      }
    }
  }
}

float quantize(const float* __restrict values, std::size_t count, std::int8_t* __restrict codes) {
  // Adding it to a small number leaves the number, rounded to even, in the lowest bits.
  constexpr float kRounder = 0x1.8p23f;
  // Below, 127 ÷ the magnitude would not be finite.
  constexpr float kLeast = 0x1p-110f;
  const std::uint32_t bits = largest_magnitude(values, count);
  const float largest = __builtin_bit_cast(float, bits);
  const float inverse = bits < kInfinity && largest > kLeast ? 127.0f / largest : 0.0f;
  if (inverse == 0) {
    for (std::size_t i = 0; i < count; ++i) codes[i] = 0;
    return bits < kInfinity ? 0.0f : __builtin_nanf("");
  }
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t shifted = bits_of(values[i] * inverse + kRounder);
    codes[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(shifted - bits_of(kRounder)));
  }
  return largest / 127.0f;
}

void add_codes(const std::int8_t* __restrict codes, float scale, float* __restrict to,
               std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) to[i] += static_cast<float>(codes[i]) * scale;
}

typedef float Lanes __attribute__((vector_size(32)));
constexpr std::size_t kLanes = sizeof(Lanes) / sizeof(float);
constexpr std::size_t kStride = 4 * kLanes;  // Additions of four vectors hide each other's latency.

float dot(const float* a, const float* b, std::size_t count) {
  Lanes sums[4] = {};
  std::size_t i = 0;
  for (; i + kStride <= count; i += kStride) {
    for (std::size_t v = 0; v < 4; ++v) {
      Lanes left;
      Lanes right;
      __builtin_memcpy(&left, a + i + v * kLanes, sizeof left);
      __builtin_memcpy(&right, b + i + v * kLanes, sizeof right);
      sums[v] += left * right;
    }
  }
  const Lanes lanes = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  float sum = 0;
  for (std::size_t l = 0; l < kLanes; ++l) sum += lanes[l];
  for (; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

void project(const Factored& m, const float* q, float* p) {
  for (std::size_t i = 0; i < m.rows; ++i) {
    const float* row = m.matrix + i * m.columns;
    for (std::size_t j = 0; j < m.rank; ++j) {
      p[j * m.rows + i] = dot(row, q + j * m.columns, m.columns);
    }
  }
}

void project_back(const Factored& m, const float* p, float* q) {
  for (std::size_t k = 0; k < m.rank * m.columns; ++k) q[k] = 0;
  for (std::size_t i = 0; i < m.rows; ++i) {
    const float* row = m.matrix + i * m.columns;
    for (std::size_t j = 0; j < m.rank; ++j) {
      add_scaled(row, p[j * m.rows + i], q + j * m.columns, m.columns);
    }
  }
}

// In blocks of columns whose products stay in the cache.
void reconstruct(const Factored& m, const float* p, const float* q, float share, float* rest,
                 float* product) {
  constexpr std::size_t kBlock = 1024;
  float sum[kBlock];
  for (std::size_t i = 0; i < m.rows; ++i) {
    for (std::size_t begin = 0; begin < m.columns; begin += kBlock) {
      const std::size_t left = m.columns - begin;
      const std::size_t count = left < kBlock ? left : kBlock;
      for (std::size_t k = 0; k < count; ++k) sum[k] = 0;
      for (std::size_t j = 0; j < m.rank; ++j) {
        add_scaled(q + j * m.columns + begin, p[j * m.rows + i], sum, count);
      }
      const std::size_t at = i * m.columns + begin;
      for (std::size_t k = 0; k < count; ++k) rest[at + k] = m.matrix[at + k] - share * sum[k];
      for (std::size_t k = 0; k < count; ++k) product[at + k] = sum[k];
    }
  }
}

constexpr Table make_table() {
  return {.to_float16 = to_float16,
          .to_bfloat16 = to_bfloat16,
          .from_float16 = from_float16,
          .from_bfloat16 = from_bfloat16,
          .add = add,
          .finite = finite,
          .decay_and_add = decay_and_add,
          .add_and_count = add_and_count,
          .subtract = subtract,
          .indices_from = indices_from,
          .quantize = quantize,
          .add_codes = add_codes,
          .project = project,
          .project_back = project_back,
          .reconstruct = reconstruct};
}

}  // namespace
}  // namespace dl::worker::train::kernels
