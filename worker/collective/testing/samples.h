// Vectors for tests of reductions: any element type read and written as double, and what a
// reduction of them should give.

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "worker/collective/reduction/data_type.h"

namespace dl::worker::collective::testing {

inline constexpr DataType kAllTypes[] = {
    DataType::kFloat64, DataType::kFloat32, DataType::kFloat16, DataType::kBfloat16,
    DataType::kInt64,   DataType::kInt32,   DataType::kUint8,   DataType::kInt8};
inline constexpr ReduceOp kAllOps[] = {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin,
                                       ReduceOp::kMax};

using Data = std::vector<std::byte>;

template <class T>
T at(const Data& bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

inline double read(DataType type, const Data& bytes, std::size_t i) {
  switch (type) {
    case DataType::kFloat64: return at<double>(bytes, i);
    case DataType::kFloat32: return static_cast<double>(at<float>(bytes, i));
    case DataType::kFloat16: return static_cast<double>(at<_Float16>(bytes, i));
    case DataType::kBfloat16: {
      const std::uint32_t bits = std::uint32_t{at<std::uint16_t>(bytes, i)} << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      return static_cast<double>(value);
    }
    case DataType::kInt64: return static_cast<double>(at<std::int64_t>(bytes, i));
    case DataType::kInt32: return at<std::int32_t>(bytes, i);
    case DataType::kUint8: return at<std::uint8_t>(bytes, i);
    case DataType::kInt8: return at<std::int8_t>(bytes, i);
  }
  return 0;
}

template <class T>
void put(Data& bytes, std::size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

inline void write(DataType type, Data& bytes, std::size_t i, double value) {
  switch (type) {
    case DataType::kFloat64: return put(bytes, i, value);
    case DataType::kFloat32: return put(bytes, i, static_cast<float>(value));
    case DataType::kFloat16: return put(bytes, i, static_cast<_Float16>(value));
    case DataType::kBfloat16: {
      const auto single = static_cast<float>(value);
      std::uint32_t bits;
      std::memcpy(&bits, &single, 4);
      return put(bytes, i, static_cast<std::uint16_t>(bits >> 16));
    }
    case DataType::kInt64: return put(bytes, i, static_cast<std::int64_t>(value));
    case DataType::kInt32: return put(bytes, i, static_cast<std::int32_t>(value));
    case DataType::kUint8: return put(bytes, i, static_cast<std::uint8_t>(value));
    case DataType::kInt8: return put(bytes, i, static_cast<std::int8_t>(value));
  }
}

// Element `i` of what `rank` brings: any value, the same in every run of `seed`. Sums of up to 6
// bytes do not wrap. Floats are of both signs and within 2^±6, so that sums lose digits.
inline double sample(DataType type, std::uint32_t seed, std::uint32_t rank, std::size_t i) {
  std::uint64_t hash = (i + 1) * 0x9e3779b97f4a7c15ull + rank * 0xbf58476d1ce4e5b9ull + seed;
  hash = (hash ^ (hash >> 31)) * 0x94d049bb133111ebull;
  hash ^= hash >> 29;
  const int small = static_cast<int>(hash % 41) - 20;
  if (type == DataType::kUint8) return std::abs(small);
  if (type == DataType::kInt8) return small;
  if (!is_floating(type)) return small * 1000.0;
  const double fraction = 1 + static_cast<double>(hash >> 12) / static_cast<double>(1ull << 52);
  return std::ldexp(hash & 1 ? fraction : -fraction, static_cast<int>(hash >> 1 & 15) - 8);
}

inline Data make_input(DataType type, std::uint32_t seed, std::uint32_t rank, std::size_t count) {
  Data data(count * size_of(type));
  for (std::size_t i = 0; i < count; ++i) write(type, data, i, sample(type, seed, rank, i));
  return data;
}

// What a reduction of element `i` should give, and how far off it may be.
struct Expected {
  double value = 0;
  double error = 0;
};

// Half the distance from 1 to the next number: the relative error of one rounding.
inline double unit_roundoff(DataType type) {
  switch (type) {
    case DataType::kFloat64: return std::ldexp(1, -53);
    case DataType::kFloat32: return std::ldexp(1, -24);
    case DataType::kFloat16: return std::ldexp(1, -11);
    case DataType::kBfloat16: return std::ldexp(1, -8);
    default: return 0;
  }
}

// By docs/collectives.md the error is at most one rounding for each of the P − 1 sums, and one for
// an average, each of no more than the sum of the magnitudes.
inline Expected expected(DataType type, ReduceOp op, std::uint32_t seed, std::uint32_t world,
                         std::size_t i) {
  double sum = 0, magnitude = 0, least = 0, most = 0;
  for (std::uint32_t rank = 0; rank < world; ++rank) {
    Data rounded(8);
    write(type, rounded, 0, sample(type, seed, rank, i));
    const double value = read(type, rounded, 0);
    sum += value;
    magnitude += std::abs(value);
    least = rank == 0 ? value : std::min(least, value);
    most = rank == 0 ? value : std::max(most, value);
  }
  // For the float64 sums of this function, and for terms of second order.
  const double slack = magnitude * world * (std::ldexp(1, -53) + std::pow(unit_roundoff(type), 2));
  switch (op) {
    case ReduceOp::kSum: return {sum, (world - 1) * unit_roundoff(type) * magnitude + slack};
    case ReduceOp::kAverage: return {sum / world, unit_roundoff(type) * magnitude + slack};
    case ReduceOp::kMin: return {least, 0};
    case ReduceOp::kMax: return {most, 0};
  }
  return {};
}

}  // namespace dl::worker::collective::testing
