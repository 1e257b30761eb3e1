// Gather: every rank brings a block, and the root leaves with the blocks of all.

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

// All blocks go to the root at once. Errors as for allreduce.
Result<void> gather(Communicator& communicator, const GatherOptions& options);

}  // namespace dl::worker::collective
