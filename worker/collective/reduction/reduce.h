// The arithmetic of a reduction, on memory of one rank.
//
// Plain loops, compiled twice: for any x86-64 and for AVX2 with F16C; the machine's kind is looked
// up once. Both give the same bits: 16-bit floats are summed as float32, then rounded to even.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "worker/collective/reduction/data_type.h"

namespace dl::worker::collective {

// into[i] = into[i] ∘ from[i]; kAverage adds, as finish_average comes last. The spans are of the
// same size, a multiple of the element's, aligned to it, and do not overlap.
void reduce_into(DataType type, ReduceOp op, std::span<std::byte> into,
                 std::span<const std::byte> from);

// Divides each element by `count`. Floating-point types only.
void finish_average(DataType type, std::span<std::byte> values, std::uint32_t count);

}  // namespace dl::worker::collective
