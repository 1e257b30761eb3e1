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

}  // namespace

Result<void> send(Communicator& communicator, const SendOptions& options) {
  DL_CHECK(check_peer(communicator, options.to));
  const Call call = {.kind = CallKind::kSendReceive,
                     .part = options.tag,
                     .sequence = communicator.next_message_to(options.to),
                     .bytes = options.data.size(),
                     .label = options.label};
  Exchange exchange(communicator, call);
  exchange.send(options.to, options.data);
  return communicator.settle(call, exchange.run());
}

Result<void> receive(Communicator& communicator, const ReceiveOptions& options) {
  DL_CHECK(check_peer(communicator, options.from));
  const Call call = {.kind = CallKind::kSendReceive,
                     .part = options.tag,
                     .sequence = communicator.next_message_from(options.from),
                     .bytes = options.data.size(),
                     .label = options.label};
  Exchange exchange(communicator, call);
  exchange.receive(options.from, options.data);
  return communicator.settle(call, exchange.run());
}

}  // namespace dl::worker::collective
