// The bound of a ring all-reduce: a ring that moves the same bytes in the same steps, blocks and
// segments, each to its place in the vector, and adds nothing.

#pragma once

#include <span>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::bench {

Result<void> copy_ring(worker::collective::Communicator& communicator, std::span<std::byte> data);

}  // namespace dl::bench
