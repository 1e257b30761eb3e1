#include "worker/collective/reduction/reduce.h"

#include <algorithm>

#include "base/assert.h"
#include "worker/collective/reduction/reduce_table.h"

namespace dl::worker::collective {
namespace {

const KernelTable& kernels() {
  static const KernelTable& table = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("f16c")
                                        ? avx2_kernels()
                                        : baseline_kernels();
  return table;
}

}  // namespace

std::string_view to_string(DataType type) {
  switch (type) {
    case DataType::kFloat64: return "float64";
    case DataType::kFloat32: return "float32";
    case DataType::kFloat16: return "float16";
    case DataType::kBfloat16: return "bfloat16";
    case DataType::kInt64: return "int64";
    case DataType::kInt32: return "int32";
    case DataType::kUint8: return "uint8";
    case DataType::kInt8: return "int8";
  }
  return "unknown";
}

std::string_view to_string(ReduceOp op) {
  switch (op) {
    case ReduceOp::kSum: return "sum";
    case ReduceOp::kAverage: return "average";
    case ReduceOp::kMin: return "min";
    case ReduceOp::kMax: return "max";
  }
  return "unknown";
}

Result<void> check_reduction(std::string_view what, std::size_t bytes, DataType type, ReduceOp op) {
  if (bytes % size_of(type) != 0) {
    return invalid_argument(std::string(what) + " of " + std::to_string(bytes) +
                            " bytes, which is no whole number of " + std::string(to_string(type)));
  }
  if (op == ReduceOp::kAverage && !is_floating(type)) {
    return invalid_argument("an average of " + std::string(to_string(type)) +
                            " is not an integer; reduce by sum, or use a floating-point type");
  }
  return {};
}

void reduce_into(DataType type, ReduceOp op, std::span<std::byte> into,
                 std::span<const std::byte> from) {
  DL_ASSERT(into.size() == from.size() && into.size() % size_of(type) == 0, "whole elements");
  const ReduceFn reduce =
      kernels().reduce[static_cast<std::size_t>(type) - 1].of[static_cast<std::size_t>(op) - 1];
  DL_ASSERT(reduce != nullptr, "callers refuse an average of integers");
  reduce(into.data(), from.data(), into.size() / size_of(type));
}

void reduce_parts(DataType type, ReduceOp op, std::span<const std::byte> parts,
                  std::span<std::byte> into) {
  const std::size_t bytes = into.size();
  std::copy_n(parts.begin(), bytes, into.begin());
  for (std::size_t at = bytes; at < parts.size(); at += bytes) {
    reduce_into(type, op, into, parts.subspan(at, bytes));
  }
  if (op == ReduceOp::kAverage) {
    finish_average(type, into, static_cast<std::uint32_t>(parts.size() / bytes));
  }
}

void finish_average(DataType type, std::span<std::byte> values, std::uint32_t count) {
  DL_ASSERT(is_floating(type), "callers refuse an average of integers");
  kernels().average[static_cast<std::size_t>(type) - 1](values.data(),
                                                        values.size() / size_of(type), count);
}

}  // namespace dl::worker::collective
