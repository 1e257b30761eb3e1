// Where reduce.cpp finds the loops of an instruction set.

#pragma once

#include <cstddef>
#include <cstdint>

namespace dl::worker::collective {

using ReduceFn = void (*)(void* into, const void* from, std::size_t count);
using AverageFn = void (*)(void* values, std::size_t count, std::uint32_t divisor);

struct ReduceRow {
  ReduceFn of[4];  // By ReduceOp − 1; null where there is no such reduction.
};

struct KernelTable {
  ReduceRow reduce[8];   // By DataType − 1.
  AverageFn average[4];  // The floating-point types, which come first.
};

const KernelTable& baseline_kernels();
const KernelTable& avx2_kernels();  // Only where the machine has AVX2 and F16C.

}  // namespace dl::worker::collective
