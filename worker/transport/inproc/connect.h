// Ranks that are threads of one process: for tests, and for a gang of one.
//
// A network is shared by its ranks and may lose one of them, as machines do.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport::inproc {

class Network;  // mesh.h has it; thread-safe.

struct NetworkOptions {
  std::uint32_t world_size = 1;
  std::size_t link_bytes = 1 << 20;  // What a link holds before its sender has to wait.
  // By rank; those with equal numbers share a board. Empty: there are none.
  std::vector<Rank> host_of;
  std::size_t block_bytes = 1 << 20;  // Of the board, for each rank.
};

std::shared_ptr<Network> make_network(const NetworkOptions& options);

// Each rank connects once; peers need not have connected yet.
//   kInvalidArgument  there is no such rank.
Result<std::unique_ptr<Mesh>> connect(std::shared_ptr<Network> network, Rank rank);

// `rank` dies at once, without a farewell.
void kill(Network& network, Rank rank);

}  // namespace dl::worker::transport::inproc
