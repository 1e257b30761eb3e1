#include "worker/collective/scatter.h"

#include <cstring>

#include "worker/collective/exchange.h"

namespace dl::worker::collective {

Result<void> scatter(Communicator& communicator, const ScatterOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  DL_CHECK(check_root("scatter from", communicator, options.root));
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  const bool root = communicator.rank() == options.root;
  if (options.all.size() != (root ? world * bytes : 0)) {
    return invalid_argument("scatter of " + std::to_string(options.all.size()) + " bytes on rank " +
                            std::to_string(communicator.rank()) + " from rank " +
                            std::to_string(options.root) + " to " + std::to_string(world) +
                            " ranks in blocks of " + std::to_string(bytes));
  }
  const Call call = {.kind = CallKind::kScatter,
                     .part = options.root,
                     .sequence = communicator.next_sequence(),
                     .bytes = bytes,
                     .label = options.label};
  if (bytes == 0) return {};
  Exchange exchange(communicator, call);
  if (root) {
    for (std::uint32_t peer = 0; peer < world; ++peer) {
      if (peer != options.root) exchange.send(peer, options.all.subspan(peer * bytes, bytes));
    }
  } else {
    exchange.receive(options.root, options.block);
  }
  DL_CHECK(communicator.settle(call, exchange.run()));
  if (root) std::memmove(options.block.data(), options.all.data() + options.root * bytes, bytes);
  return {};
}

}  // namespace dl::worker::collective
