#include "worker/collective/gather.h"

#include <cstring>

#include "worker/collective/exchange.h"

namespace dl::worker::collective {

Result<void> gather(Communicator& communicator, const GatherOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  DL_CHECK(check_root("gather to", communicator, options.root));
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  const bool root = communicator.rank() == options.root;
  if (options.all.size() != (root ? world * bytes : 0)) {
    return invalid_argument("gather of " + std::to_string(bytes) + " bytes from each of " +
                            std::to_string(world) + " ranks to rank " +
                            std::to_string(options.root) + ", with memory for " +
                            std::to_string(options.all.size()) + " bytes on rank " +
                            std::to_string(communicator.rank()));
  }
  const Call call = {.kind = CallKind::kGather,
                     .part = options.root,
                     .sequence = communicator.next_sequence(),
                     .bytes = bytes,
                     .label = options.label};
  if (bytes == 0) return {};
  Exchange exchange(communicator, call);
  if (root) {
    std::memmove(options.all.data() + options.root * bytes, options.block.data(), bytes);
    for (std::uint32_t peer = 0; peer < world; ++peer) {
      if (peer != options.root) exchange.receive(peer, options.all.subspan(peer * bytes, bytes));
    }
  } else {
    exchange.send(options.root, options.block);
  }
  return communicator.settle(call, exchange.run());
}

}  // namespace dl::worker::collective
