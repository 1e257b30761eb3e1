// Broadcast: what the root has, all ranks have.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

struct BroadcastOptions {
  std::span<std::byte> data;  // Read on the root, replaced on the others. The same size on all.
  transport::Rank root = 0;
  std::string_view label;  // As in AllreduceOptions.
};

// Up to direct_bytes_max down a binomial tree (few steps), above along the ring, each rank passing
// on while it receives (each byte crosses each link once). Errors as for allreduce.
Result<void> broadcast(Communicator& communicator, const BroadcastOptions& options);

}  // namespace dl::worker::collective
