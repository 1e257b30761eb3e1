#include "worker/collective/all_gather.h"

#include <cstring>

#include "worker/collective/exchange.h"
#include "worker/collective/relay.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;

// Blocks come in the order rank − 1, rank − 2, …; out go the rank's own, then those that came.
class GatherPlan {
 public:
  GatherPlan(const Communicator& communicator, Bytes all)
      : all_(all),
        rank_(communicator.rank()),
        world_(communicator.world_size()),
        block_bytes_(all.size() / world_) {}

  std::size_t out_bytes() const { return block_bytes_ * (world_ - 1); }
  std::size_t in_bytes() const { return out_bytes(); }
  std::size_t sendable() const { return std::min(out_bytes(), block_bytes_ + received_); }
  ConstBytes out() const { return rest_of(sent_, 0); }
  Bytes in() const { return rest_of(received_, 1); }
  void sent(std::size_t n) { sent_ += n; }
  void received(std::size_t n) { received_ += n; }

 private:
  Bytes rest_of(std::size_t position, std::size_t lag) const {
    const std::size_t step = position / block_bytes_ + lag;
    const std::size_t offset = position % block_bytes_;
    const std::size_t block = (rank_ + world_ - step) % world_;
    return all_.subspan(block * block_bytes_ + offset, block_bytes_ - offset);
  }

  const Bytes all_;
  const std::size_t rank_;
  const std::size_t world_;
  const std::size_t block_bytes_;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

}  // namespace

Result<void> all_gather(Communicator& communicator, const AllGatherOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  const std::uint32_t world = communicator.world_size();
  const std::size_t bytes = options.block.size();
  if (options.all.size() != world * bytes) {
    return invalid_argument("all-gather of " + std::to_string(bytes) + " bytes from each of " +
                            std::to_string(world) + " ranks into " +
                            std::to_string(options.all.size()) + " bytes");
  }
  const Call call = {
      .kind = CallKind::kAllGather, .sequence = communicator.next_sequence(), .bytes = bytes};
  if (bytes == 0) return {};
  std::memmove(options.all.data() + communicator.rank() * bytes, options.block.data(), bytes);
  if (world == 1) return {};
  if (bytes <= communicator.options().direct_bytes_max) {
    const ConstBytes mine = options.all.subspan(communicator.rank() * bytes, bytes);
    return communicator.settle(call, exchange(communicator, call, mine, options.all));
  }
  GatherPlan plan(communicator, options.all);
  Relay relay(communicator, call, {communicator.next(), communicator.previous()}, plan);
  return communicator.settle(call, relay.run());
}

}  // namespace dl::worker::collective
