#include "worker/transport/inproc/connect.h"

#include "base/assert.h"
#include "worker/transport/inproc/mesh.h"

namespace dl::worker::transport::inproc {

std::shared_ptr<Network> make_network(const NetworkOptions& options) {
  DL_ASSERT(options.world_size > 0 && options.link_bytes > 0, "a network has ranks and room");
  return std::make_shared<Network>(options);
}

Result<std::unique_ptr<Mesh>> connect(std::shared_ptr<Network> network, Rank rank) {
  if (rank >= network->world_size()) {
    return invalid_argument("there is no rank " + std::to_string(rank) + " in a world of " +
                            std::to_string(network->world_size()));
  }
  if (!network->take_place(rank)) {
    return invalid_argument("rank " + std::to_string(rank) + " is already connected");
  }
  return std::unique_ptr<Mesh>(std::make_unique<InprocMesh>(std::move(network), rank));
}

void kill(Network& network, Rank rank) { network.depart(rank, {.kind = DepartureKind::kLost}); }

}  // namespace dl::worker::transport::inproc
