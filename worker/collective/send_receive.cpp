#include "worker/collective/send_receive.h"

#include "worker/collective/exchange.h"

namespace dl::worker::collective {
namespace {

Result<void> check_peer(const Communicator& communicator, transport::Rank peer) {
  if (communicator.failure()) return *communicator.failure();
  if (peer < communicator.world_size() && peer != communicator.rank()) return {};
  return invalid_argument("a message between rank " + std::to_string(communicator.rank()) +
                          " and rank " + std::to_string(peer) + " in a world of " +
                          std::to_string(communicator.world_size()));
}

// Both ends make the same call of a message.
template <class Options>
Call message_call(const Options& options, std::uint64_t sequence) {
  return {.kind = CallKind::kSendReceive,
          .part = options.tag,
          .sequence = sequence,
          .bytes = options.data.size(),
          .label = options.label};
}

}  // namespace

Result<void> send(Communicator& communicator, const SendOptions& options) {
  DL_CHECK(check_peer(communicator, options.to));
  const Call call = message_call(options, communicator.next_message_to(options.to));
  Exchange exchange(communicator, call);
  exchange.send(options.to, options.data);
  return communicator.settle(call, exchange.run());
}

Result<void> receive(Communicator& communicator, const ReceiveOptions& options) {
  DL_CHECK(check_peer(communicator, options.from));
  const Call call = message_call(options, communicator.next_message_from(options.from));
  Exchange exchange(communicator, call);
  exchange.receive(options.from, options.data);
  return communicator.settle(call, exchange.run());
}

}  // namespace dl::worker::collective
