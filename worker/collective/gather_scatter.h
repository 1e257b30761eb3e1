// Gather: every rank brings a block, and the root leaves with the blocks of all. Scatter is the
// reverse: the root brings a block for every rank, and each leaves with its own.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

struct GatherOptions {
  std::span<const std::byte> block;  // This rank's. The same size on all ranks.
  // On the root world size × block size, the block of rank r at r × block size; empty on the
  // others. The root's `block` may be its own place in it.
  std::span<std::byte> all;
  transport::Rank root = 0;
  std::string_view label;  // As in AllreduceOptions.
};

struct ScatterOptions {
  std::span<const std::byte> all;  // As in GatherOptions.
  std::span<std::byte> block;      // This rank's, replaced. The same size on all ranks.
  transport::Rank root = 0;
  std::string_view label;
};

// All blocks go to the root, or leave it, at once. Errors as for allreduce.
Result<void> gather(Communicator& communicator, const GatherOptions& options);
Result<void> scatter(Communicator& communicator, const ScatterOptions& options);

}  // namespace dl::worker::collective
