// A parameter server: holds a part of every table and does what the workers ask, on the thread that
// calls serve().
//
// One loop over the links of the mesh: whatever can move, moves, and a push is applied range by
// range as it comes in. docs/parameter-servers.md has the protocol and what is promised when
// somebody dies.

#pragma once

#include <atomic>
#include <cstdint>

#include "base/result.h"
#include "worker/paramserver/options.h"
#include "worker/transport/mesh.h"

namespace dl::worker::paramserver {

struct ServerReport {
  std::uint64_t pushes = 0;  // Complete ones, of all workers and tables.
  std::uint64_t pulls = 0;
  std::uint64_t repeats = 0;  // Pushes that were acknowledged before, and not applied again.
  std::uint64_t rows_pushed = 0;
  std::uint64_t rows_pulled = 0;
};

// Returns when all workers have finished; then the state of the run is removed from the folder,
// its checkpoints stay. On an error the state stays too, and the next attempt goes on from it.
// `stop`, if not null, ends it with kCancelled within a heartbeat.
//
//   kInvalidArgument     the options contradict themselves.
//   kFailedPrecondition  the workers do not agree, or the folder has another run's state.
//   kUnavailable         a peer is gone; names it.
//   kDeadlineExceeded    others waited for a worker that hangs; names it.
Result<ServerReport> serve(transport::Mesh& mesh, const ServerOptions& options,
                           const std::atomic<bool>* stop = nullptr);

}  // namespace dl::worker::paramserver
