#include "worker/collective/gather_scatter.h"

#include <cstring>

#include "worker/collective/exchange.h"

namespace dl::worker::collective {
namespace {

// The call of either, numbered; kInvalidArgument when this rank's memory does not fit the blocks.
template <class Options>
Result<Call> begin(Communicator& communicator, CallKind kind, const Options& options) {
  if (communicator.failure()) return *communicator.failure();
  const char* what = kind == CallKind::kGather ? "gather to" : "scatter from";
  DL_CHECK(check_root(what, communicator, options.root));
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  const std::size_t needed = communicator.rank() == options.root ? world * bytes : 0;
  if (options.all.size() != needed) {
    return invalid_argument(
        std::string(what) + " rank " + std::to_string(options.root) + " in a world of " +
        std::to_string(world) + ", in blocks of " + std::to_string(bytes) + " bytes: rank " +
        std::to_string(communicator.rank()) + " must have memory for " + std::to_string(needed) +
        " bytes, not " + std::to_string(options.all.size()));
  }
  return Call{.kind = kind,
              .part = options.root,
              .sequence = communicator.next_sequence(),
              .bytes = bytes,
              .label = options.label};
}

}  // namespace

Result<void> gather(Communicator& communicator, const GatherOptions& options) {
  DL_TRY(const Call call, begin(communicator, CallKind::kGather, options));
  const std::size_t bytes = options.block.size();
  if (bytes == 0) return {};
  Exchange exchange(communicator, call);
  if (communicator.rank() == options.root) {
    std::memmove(options.all.data() + options.root * bytes, options.block.data(), bytes);
    for (std::uint32_t peer = 0; peer < communicator.world_size(); ++peer) {
      if (peer != options.root) exchange.receive(peer, options.all.subspan(peer * bytes, bytes));
    }
  } else {
    exchange.send(options.root, options.block);
  }
  return communicator.settle(call, exchange.run());
}

Result<void> scatter(Communicator& communicator, const ScatterOptions& options) {
  DL_TRY(const Call call, begin(communicator, CallKind::kScatter, options));
  const std::size_t bytes = options.block.size();
  if (bytes == 0) return {};
  const bool root = communicator.rank() == options.root;
  Exchange exchange(communicator, call);
  if (root) {
    for (std::uint32_t peer = 0; peer < communicator.world_size(); ++peer) {
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
