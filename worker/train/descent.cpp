#include "worker/train/descent.h"

namespace dl::worker::train {

Outcome<void> Descent::step(const std::vector<torch::Tensor>& gradients, const StepClock& clock) {
  if (spec_.clip_norm > 0) clip_gradients(gradients, spec_.clip_norm);
  optimizer_->step(gradients, clock.learning_rate, clock.step);
  return {};
}

std::vector<NamedTensor> Descent::state() const {
  std::vector<NamedTensor> all;
  for (const NamedTensor& one : optimizer_->state()) {
    all.push_back({"optimizer." + one.name, one.tensor});
  }
  return all;
}

}  // namespace dl::worker::train
