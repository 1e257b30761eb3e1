// The arithmetic of a reduction, on memory of one rank.
//
// Plain loops, compiled twice: for any x86-64 and for AVX2 with F16C; the machine's kind is looked
// up once. Both give the same bits: 16-bit floats are summed as float32, then rounded to even.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "worker/collective/reduction/data_type.h"

namespace dl::worker::collective {

// kInvalidArgument unless `bytes` are whole elements that `op` can reduce; `what`, the name of the
// collective, is in the message.
Result<void> check_reduction(std::string_view what, std::size_t bytes, DataType type, ReduceOp op);

// into[i] = into[i] ∘ from[i]; kAverage adds, as finish_average comes last. The spans are of the
// same size, a multiple of the element's, aligned to it, and do not overlap.
void reduce_into(DataType type, ReduceOp op, std::span<std::byte> into,
                 std::span<const std::byte> from);

// into = the reduction of the parts, each of the size of `into`, that `parts` consists of, from the
// first to the last; an average too is finished.
void reduce_parts(DataType type, ReduceOp op, std::span<const std::byte> parts,
                  std::span<std::byte> into);

// Divides each element by `count`. Floating-point types only.
void finish_average(DataType type, std::span<std::byte> values, std::uint32_t count);

}  // namespace dl::worker::collective
