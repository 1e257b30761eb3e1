// Reduce: every rank brings a vector, and the root leaves with the reduction of them all, the same
// bits in every run.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"
#include "worker/collective/reduction/data_type.h"

namespace dl::worker::collective {

struct ReduceOptions {
  std::span<std::byte> data;  // Read, and on the root replaced. The same size on all ranks.
  DataType type = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  transport::Rank root = 0;
  std::string_view label;  // As in AllreduceOptions.
};

// Up to direct_bytes_max all send to the root, which reduces in the order of ranks; above, sums go
// along the ring from the rank after the root to the root, each rank passing on while it receives.
// Errors as for allreduce.
Result<void> reduce(Communicator& communicator, const ReduceOptions& options);

}  // namespace dl::worker::collective
