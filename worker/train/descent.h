// Descent is the end of a step: gradients that all agree on become a step of the optimizer.

#pragma once

#include "worker/train/optimizer/optimizer.h"
#include "worker/train/outcome.h"

namespace dl::worker::train {

// Where in the run a step is, and how far it goes.
struct StepClock {
  std::uint64_t step = 0;  // Counts from 0 over the whole run.
  double learning_rate = 0;
  bool ends_epoch = false;  // The epoch's last step, or the run's.
};

class Descent {
 public:
  Descent(const TrainSpec& spec, std::vector<NamedTensor> parameters)
      : spec_(spec), optimizer_(make_optimizer(spec, std::move(parameters))) {}

  // Clips the gradients, as train.clip_norm says, and takes the optimizer's step. The one place
  // that looks at gradients before they are used: what is to be done about values that are not
  // finite belongs here.
  Outcome<void> step(const std::vector<torch::Tensor>& gradients, const StepClock& clock);

  // "optimizer.momentum.fc1.weight", …: what a checkpoint has to hold.
  std::vector<NamedTensor> state() const;

 private:
  const TrainSpec& spec_;
  const std::unique_ptr<Optimizer> optimizer_;
};

}  // namespace dl::worker::train
