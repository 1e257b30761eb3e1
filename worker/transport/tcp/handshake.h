// The handshake of worker/transport/handshake.h over a fresh connection.

#pragma once

#include <string>

#include "base/result.h"
#include "worker/transport/handshake.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::tcp {

// What this rank knows before it meets anyone.
struct Identity {
  Rank rank = 0;
  std::uint32_t world_size = 0;
  std::string secret;
};

// Both fail with the code and text of the refusal, whoever refused.
//   kPermissionDenied   a foreign process, or one of another attempt.
//   kFailedPrecondition a process of this attempt that disagrees about the gang.
//   others              the connection broke; the same peer may come again.

// The dialler's side: ends when rank `peer` has welcomed this one.
Result<void> introduce(Socket& socket, const Identity& self, Rank peer, Channel channel,
                       Deadline deadline);

struct Guest {
  Rank rank;
  Channel channel;
};

// The listener's side: who has come, and what for.
Result<Guest> receive_guest(Socket& socket, const Identity& self, Deadline deadline);

}  // namespace dl::worker::transport::tcp
