// The element types that collectives reduce, and how.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace dl::worker::collective {

// The values are on the wire.
enum class DataType : std::uint8_t {
  kFloat64 = 1,
  kFloat32 = 2,
  kFloat16 = 3,   // IEEE binary16.
  kBfloat16 = 4,  // The upper half of a float32.
  kInt64 = 5,
  kInt32 = 6,
  kUint8 = 7,
  kInt8 = 8,
};

// Sums of integers wrap. NaN wins over numbers in kMin and kMax.
enum class ReduceOp : std::uint8_t {
  kSum = 1,
  kAverage = 2,  // Floating-point types only.
  kMin = 3,
  kMax = 4,
};

constexpr std::size_t size_of(DataType type) {
  switch (type) {
    case DataType::kFloat64:
    case DataType::kInt64: return 8;
    case DataType::kFloat32:
    case DataType::kInt32: return 4;
    case DataType::kFloat16:
    case DataType::kBfloat16: return 2;
    case DataType::kUint8:
    case DataType::kInt8: return 1;
  }
  return 0;
}

constexpr bool is_floating(DataType type) { return type <= DataType::kBfloat16; }

std::string_view to_string(DataType type);
std::string_view to_string(ReduceOp op);

}  // namespace dl::worker::collective
