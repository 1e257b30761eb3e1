#include "worker/collective/all_to_all.h"

#include <algorithm>

#include "worker/collective/exchange.h"

namespace dl::worker::collective {

Result<void> all_to_all(Communicator& communicator, const AllToAllOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  const std::uint32_t world = communicator.world_size();
  const transport::Rank self = communicator.rank();
  if (options.send.size() != world || options.receive.size() != world) {
    return invalid_argument("all-to-all of " + std::to_string(options.send.size()) +
                            " messages to send and " + std::to_string(options.receive.size()) +
                            " to receive in a world of " + std::to_string(world));
  }
  if (options.send[self].size() != options.receive[self].size()) {
    return invalid_argument("all-to-all: rank " + std::to_string(self) + " sends itself " +
                            std::to_string(options.send[self].size()) + " bytes and receives " +
                            std::to_string(options.receive[self].size()));
  }
  const Call call = {.kind = CallKind::kAllToAll,
                     .sequence = communicator.next_sequence(),
                     .label = options.label};
  Exchange exchange(communicator, call);
  for (transport::Rank peer = 0; peer < world; ++peer) {
    if (peer == self) continue;
    exchange.send(peer, options.send[peer]);
    exchange.receive(peer, options.receive[peer]);
  }
  std::copy(options.send[self].begin(), options.send[self].end(), options.receive[self].begin());
  return communicator.settle(call, exchange.run());
}

}  // namespace dl::worker::collective
