// Descent is the end of a step: gradients that all agree on become a step of the optimizer.

#pragma once

#include <functional>
#include <optional>

#include "worker/train/events/event_file.h"
#include "worker/train/non_finite.h"
#include "worker/train/optimizer/optimizer.h"
#include "worker/train/outcome.h"

namespace dl::worker::train {

// Where in the run a step is, and how far it goes.
struct StepClock {
  std::uint64_t step = 0;  // Counts from 0 over the whole run.
  double learning_rate = 0;
  bool ends_epoch = false;  // The epoch's last step, or the run's.
};

// What a strategy has to say about gradients that are not finite. Without it each rank decides by
// its own gradients alone: right where all have the same, and where each takes steps of its own.
struct Agreement {
  // Whether any rank's are not. Collective, called at every step; for ranks with different parts.
  std::function<bool(bool mine)> any = {};
  // Says whose samples made them so: "rank 1's gradient of fc.weight". Called on all ranks or none.
  std::function<std::string()> culprit = {};
  // Without a culprit to ask for: whose gradients they are.
  std::optional<std::uint32_t> rank = {};
};

class Descent {
 public:
  static constexpr std::uint32_t kSkipsInARow = 10;  // One more is a failure.

  Descent(const TrainSpec& spec, std::vector<NamedTensor> parameters, Agreement agreement = {});

  // Clips the gradients, as train.clip_norm says, and takes the optimizer's step. Gradients that
  // are not finite fail the run or leave the step out, as train.non_finite says; with float16 they
  // lower loss_scale() first. The one place that looks at gradients before they are used.
  Outcome<void> step(const std::vector<torch::Tensor>& gradients, const StepClock& clock);

  // What the next gradients are to be multiplied with: 1 but for float16.
  double loss_scale() const { return scale_ ? scale_->value() : 1.0; }

  // "train.skipped_steps" so far in this process, where steps may be skipped.
  std::vector<Scalar> metrics() const;

  // "optimizer.momentum.fc1.weight", …: what a checkpoint has to hold.
  std::vector<NamedTensor> state() const;

 private:
  Outcome<void> skip(const StepClock& clock, std::optional<std::size_t> bad);
  Failure failure(const StepClock& clock, std::optional<std::size_t> bad) const;

  const TrainSpec& spec_;
  const std::vector<NamedTensor> parameters_;
  const Agreement agreement_;
  const std::unique_ptr<Optimizer> optimizer_;
  std::optional<LossScale> scale_;
  std::uint64_t skipped_ = 0;
  std::uint32_t skipped_in_a_row_ = 0;
};

}  // namespace dl::worker::train
