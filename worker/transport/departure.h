// How a peer's end of a link came to its end, and what that says about who is to blame.
//
// A rank that leaves puts a notice on each of its links, apart from the data. A link that ends
// without one was cut: the process died or the network did.

#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "worker/transport/mesh.h"

namespace dl::worker::transport {

enum class DepartureKind : std::uint8_t {
  kFarewell = 1,  // Finished, and said so.
  kGaveUp = 2,    // Failed, and said who caused it.
  kLost = 3,      // Vanished.
};

struct Departure {
  DepartureKind kind = DepartureKind::kLost;
  Rank culprit = 0;  // kGaveUp: the rank that failed the peer, or the peer itself.
};

inline constexpr std::size_t kNoticeBytes = 8;
using Notice = std::array<std::byte, kNoticeBytes>;

Notice encode_notice(const Departure& departure);

// kLost when `bytes` are no notice, or not all of one.
Departure decode_notice(std::span<const std::byte> bytes);

// The rank to name when `peer` left so.
Rank culprit_of(Rank peer, const Departure& departure);

// kUnavailable, for a rank that still needed `peer`.
Error departure_error(const Mesh& mesh, Rank peer, const Departure& departure);

// kDeadlineExceeded, for a rank that waited for `interests` in vain.
Error stall_error(const Mesh& mesh, std::span<const Interest> interests);

}  // namespace dl::worker::transport
