// Scatter: the root brings a block for every rank, and each leaves with its own.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

struct ScatterOptions {
  // On the root world size × block size, the block of rank r at r × block size; empty elsewhere.
  std::span<const std::byte> all;
  // This rank's, replaced. The same size on all ranks. The root's may be its own place in `all`.
  std::span<std::byte> block;
  transport::Rank root = 0;
  std::string_view label;  // As in AllreduceOptions.
};

// All blocks leave the root at once. Errors as for allreduce.
Result<void> scatter(Communicator& communicator, const ScatterOptions& options);

}  // namespace dl::worker::collective
