#include "worker/train/exchange/communication_meter.h"

namespace dl::worker::train {

void CommunicationMeter::add(const Traffic& traffic, bool compressed) {
  traffic_ += traffic;
  ++steps_;
  compressed_steps_ += compressed ? 1 : 0;
}

std::vector<Scalar> CommunicationMeter::take() {
  if (steps_ == 0) return {};
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - since_).count();
  const double steps = steps_;
  std::vector<Scalar> scalars = {
      {"train.communication", (traffic_.compressing + traffic_.sending) / seconds},
      {"train.communication_exposed", traffic_.exposed / seconds}};
  if (compresses_) {
    scalars.push_back({"train.compression.active", compressed_steps_ / steps});
    scalars.push_back({"train.compression.ratio", static_cast<double>(traffic_.bytes_plain) /
                                                      static_cast<double>(traffic_.bytes_sent)});
    scalars.push_back({"train.compression.seconds", traffic_.compressing / steps});
  }
  since_ = now;
  traffic_ = {};
  steps_ = compressed_steps_ = 0;
  return scalars;
}

}  // namespace dl::worker::train
