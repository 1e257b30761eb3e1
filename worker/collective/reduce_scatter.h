// Reduce-scatter: every rank brings a vector of one block a rank, and leaves with the reduction of
// its own block, the same bits in every run.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"
#include "worker/collective/reduction/data_type.h"

namespace dl::worker::collective {

struct ReduceScatterOptions {
  std::span<const std::byte> input;  // World size × block size; block r is meant for rank r.
  std::span<std::byte>
      block;  // This rank's, replaced; may be its place in `input`. One size on all.
  DataType type = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  std::string_view label;  // As in AllreduceOptions.
};

// Blocks of up to direct_bytes_max go to their ranks at once and are reduced in the order of ranks,
// larger ones around the ring. `input` is left as it is but for the place of `block`. Errors as for
// allreduce.
Result<void> reduce_scatter(Communicator& communicator, const ReduceScatterOptions& options);

}  // namespace dl::worker::collective
