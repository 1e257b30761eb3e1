#include "worker/train/compression/wire.h"

#include "worker/collective/all_gather.h"
#include "worker/collective/all_to_all.h"
#include "worker/collective/allreduce.h"

namespace dl::worker::train {

using Clock = std::chrono::steady_clock;

template <class Call>
Result<void> Wire::timed(Call call) {
  const Clock::time_point begin = Clock::now();
  const Result<void> done = call();
  spent_ += Clock::now() - begin;
  return done;
}

std::uint64_t Wire::bytes_sent() const {
  return communicator_.mesh().counters().bytes_sent - bytes_before_;
}

Result<void> Wire::sum(std::span<float> values) {
  return timed([&] {
    return collective::allreduce(communicator_, {.data = std::as_writable_bytes(values),
                                                 .type = collective::DataType::kFloat32,
                                                 .op = collective::ReduceOp::kSum,
                                                 .label = label_});
  });
}

Result<void> Wire::sum(collective::DataType type, std::span<std::uint16_t> values) {
  return timed([&] {
    return collective::allreduce(communicator_, {.data = std::as_writable_bytes(values),
                                                 .type = type,
                                                 .op = collective::ReduceOp::kSum,
                                                 .label = label_});
  });
}

Result<void> Wire::all_gather(std::span<std::byte> all) {
  return timed([&] {
    const std::size_t block = all.size() / world_size();
    return collective::all_gather(
        communicator_, {.block = all.subspan(rank() * block, block), .all = all, .label = label_});
  });
}

Result<void> Wire::all_to_all(std::span<const std::byte> out, std::span<std::byte> in) {
  const std::size_t block = out.size() / world_size();
  blocks_out_.clear();
  blocks_in_.clear();
  for (std::uint32_t rank = 0; rank < world_size(); ++rank) {
    blocks_out_.push_back(out.subspan(rank * block, block));
    blocks_in_.push_back(in.subspan(rank * block, block));
  }
  return timed([&] {
    return collective::all_to_all(communicator_,
                                  {.send = blocks_out_, .receive = blocks_in_, .label = label_});
  });
}

}  // namespace dl::worker::train
