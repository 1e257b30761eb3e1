// Several transfers of known length at once, on one thread: for the start, when servers send each
// other whole states and a ring of them must not wait for itself.

#pragma once

#include <chrono>
#include <functional>
#include <span>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

// One of the two is empty.
struct Transfer {
  transport::Rank peer = 0;
  transport::ConstBytes send;
  transport::Bytes receive;
};

// Returns when all are done. At most one transfer goes in each direction of a link. `beat` is
// called about every `interval`.
//   kDeadlineExceeded  nothing moved for `patience`.
struct TransferOptions {
  std::chrono::milliseconds interval{1000};
  std::chrono::milliseconds patience{600'000};
  std::function<Result<void>()> beat;  // May be empty.
};
Result<void> transfer_all(transport::Mesh& mesh, std::span<Transfer> transfers,
                          const TransferOptions& options);

}  // namespace dl::worker::paramserver
