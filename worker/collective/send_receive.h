// A message from one rank to another, which the others need not know of.
//
// The messages from a to b arrive in the order in which a sends them; a tag that is not the one
// asked for is an error, not a message for later. Ranks that both send large messages to each other
// before they receive wait in vain: use all_to_all.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

struct SendOptions {
  std::span<const std::byte> data;
  transport::Rank to = 0;
  std::uint32_t tag = 0;
  std::string_view label;  // As in AllreduceOptions.
};

struct ReceiveOptions {
  std::span<std::byte> data;  // Replaced. As long as what is sent.
  transport::Rank from = 0;
  std::uint32_t tag = 0;
  std::string_view label;
};

// Returns when the link has taken all of `data`, which may be before the peer has. Errors as for
// allreduce; kInvalidArgument also for a message to oneself.
Result<void> send(Communicator& communicator, const SendOptions& options);

Result<void> receive(Communicator& communicator, const ReceiveOptions& options);

}  // namespace dl::worker::collective
