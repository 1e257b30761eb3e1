// How the ranks of a mesh come to share the memory of their hosts.
//
// Over a mesh that connects them all, ranks say which host they are on. On each host the lowest
// rank makes the memory and a Unix socket, and tells the others its name, which is random. They
// call it, both ends prove that they know the attempt's secret, and the caller is handed the
// memory; if the token in it is the one that came over the mesh, the two are on one host indeed. So
// being on one host is proven, not believed, and a foreign process, though it may find the socket,
// gets nothing. Socket and memory have no name in any file system, and go with their processes.
//
// Where any of this does not work out for a host, its ranks keep the links they have.

#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport::shm {

struct ConnectOptions {
  std::string secret;  // Of the attempt.
  // What ranks of one host have in common; empty: this kernel and its network namespace.
  std::string host;
  std::chrono::milliseconds timeout{60000};
  // The same on all ranks.
  std::size_t ring_bytes = 256 << 10;  // A link holds so much each way. A power of two.
  std::size_t block_bytes = 4 << 20;   // Of the board, for each rank.
  // How long a rank that waits looks at the memory before it sleeps. To be woken takes tens of
  // microseconds, so a shorter look makes short waits longer; a longer one burns what a rank that
  // computes could use.
  std::chrono::microseconds look{1000};
};

// `base` connects all ranks and has carried nothing yet; every rank of it calls this.
//   others  as Mesh::wait: a peer died meanwhile, or did not come as far.
Result<std::unique_ptr<Mesh>> connect(std::unique_ptr<Mesh> base, const ConnectOptions& options);

}  // namespace dl::worker::transport::shm
