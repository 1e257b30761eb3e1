#include "worker/train/optimizer/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace dl::worker::train {

Schedule::Schedule(const TrainSpec& spec, std::uint64_t steps_per_epoch, std::uint64_t total_steps)
    : spec_(spec.schedule),
      rate_(spec.learning_rate),
      steps_per_epoch_(steps_per_epoch),
      total_steps_(total_steps),
      warmup_steps_(static_cast<std::uint64_t>(
          std::llround(spec.schedule.warmup_epochs * static_cast<double>(steps_per_epoch)))) {}

double Schedule::learning_rate(std::uint64_t step) const {
  const double warmup = step < warmup_steps_
                            ? static_cast<double>(step + 1) / static_cast<double>(warmup_steps_)
                            : 1.0;
  return rate_ * warmup * factor(step);
}

double Schedule::factor(std::uint64_t step) const {
  if (spec_.name == "step") {
    const std::uint64_t epoch = step / steps_per_epoch_;
    return std::pow(spec_.gamma, static_cast<double>(epoch / std::max(spec_.step_epochs, 1u)));
  }
  const std::uint64_t begin = std::min(warmup_steps_, total_steps_ - 1);
  const double done = step <= begin ? 0.0
                                    : std::min(1.0, static_cast<double>(step - begin) /
                                                        static_cast<double>(total_steps_ - begin));
  if (spec_.name == "linear") return 1.0 - done * (1.0 - spec_.final_fraction);
  if (spec_.name == "cosine") {
    const double wave = (1.0 + std::cos(std::numbers::pi * done)) / 2.0;
    return spec_.final_fraction + (1.0 - spec_.final_fraction) * wave;
  }
  return 1.0;
}

}  // namespace dl::worker::train
