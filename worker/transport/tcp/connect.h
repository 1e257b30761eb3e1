// How the ranks of a gang find one another over TCP.
//
// Every rank listens on its own address and dials the ranks below it. Both ends of a new
// connection prove by HMAC-SHA256 over fresh nonces that they know the attempt's secret, then
// compare what they think the gang looks like. Who fails is refused and told why; the true peer may
// still come, so both sides try on until the deadline.

#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport::tcp {

struct PeerAddress {
  std::string host;  // A name or an address, as peers dial it.
  std::uint16_t port = 0;

  friend bool operator==(const PeerAddress&, const PeerAddress&) = default;
};

struct ConnectOptions {
  Rank rank = 0;
  std::vector<PeerAddress> peers;  // By rank; this rank's own is where it listens.
  std::string secret;              // Of the attempt. Not empty.
  // Peers start at different times: for this long a rank waits for them all.
  std::chrono::milliseconds connect_timeout{60000};
  // How long a rank that waits looks at its links before it sleeps. To be woken takes tens of
  // microseconds, and most waits within a collective are shorter.
  std::chrono::microseconds look{100};
  // When it becomes true, connect() ends with kCancelled within 100 ms. May be null.
  const std::atomic<bool>* cancelled = nullptr;
};

// Errors:
//   kAlreadyExists      this rank's port is taken; the message names it.
//   kUnavailable        a peer had come and is gone, or gave up, while others were waited for.
//   kDeadlineExceeded   a peer did not come; names it and the last thing that went wrong.
//   kFailedPrecondition a peer has the secret but another world size or rank.
//   kInvalidArgument    the options contradict themselves.
Result<std::unique_ptr<Mesh>> connect(const ConnectOptions& options);

}  // namespace dl::worker::transport::tcp
