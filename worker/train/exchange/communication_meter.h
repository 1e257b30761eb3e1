// What communication cost a run since it was last reported.

#pragma once

#include <chrono>
#include <vector>

#include "worker/train/events/event_file.h"
#include "worker/train/exchange/bucket_line.h"

namespace dl::worker::train {

class CommunicationMeter {
 public:
  explicit CommunicationMeter(bool compresses) : compresses_(compresses) {}

  void add(const Traffic& traffic, bool compressed);

  // train.communication           share of the time in which gradients were on their way
  // train.communication_exposed   … in which the step waited for nothing else
  // train.compression.active      share of the steps that were compressed
  // train.compression.ratio       bytes of plain gradients ÷ bytes sent
  // train.compression.seconds     arithmetic of it a step
  // Of the steps since the last call; nothing when there were none. The last three only of a run
  // that asks for compression.
  std::vector<Scalar> take();

 private:
  using Clock = std::chrono::steady_clock;

  const bool compresses_;
  Clock::time_point since_ = Clock::now();
  Traffic traffic_;
  std::uint32_t steps_ = 0;
  std::uint32_t compressed_steps_ = 0;
};

}  // namespace dl::worker::train
