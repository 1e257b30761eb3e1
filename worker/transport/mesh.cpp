#include "worker/transport/mesh.h"

#include <array>

namespace dl::worker::transport {

Result<void> send_all(Mesh& mesh, Rank peer, ConstBytes bytes, Deadline deadline) {
  const std::array<Interest, 1> interest = {{{peer, Direction::kSend}}};
  while (!bytes.empty()) {
    DL_TRY(const std::size_t moved, mesh.send_some(peer, std::array<ConstBytes, 1>{bytes}));
    bytes = bytes.subspan(moved);
    if (moved == 0) DL_CHECK(mesh.wait(interest, deadline));
  }
  return {};
}

Result<void> receive_all(Mesh& mesh, Rank peer, Bytes bytes, Deadline deadline) {
  const std::array<Interest, 1> interest = {{{peer, Direction::kReceive}}};
  while (!bytes.empty()) {
    DL_TRY(const std::size_t moved, mesh.receive_some(peer, std::array<Bytes, 1>{bytes}));
    bytes = bytes.subspan(moved);
    if (moved == 0) DL_CHECK(mesh.wait(interest, deadline));
  }
  return {};
}

}  // namespace dl::worker::transport
