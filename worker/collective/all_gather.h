// All-gather: every rank brings a block, and leaves with the blocks of all.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

struct AllGatherOptions {
  std::span<const std::byte> block;  // This rank's. The same size on all ranks.
  // World size × block size; the block of rank r goes to r × block size. `block` may be its own
  // place in it.
  std::span<std::byte> all;
  std::string_view label;  // As in AllreduceOptions.
};

// Blocks of up to direct_bytes_max go to all peers at once, larger ones around the ring. Errors as
// for allreduce.
Result<void> all_gather(Communicator& communicator, const AllGatherOptions& options);

}  // namespace dl::worker::collective
