// The learning rate of every step, as a closed form: a function of the step's number alone, so
// that a resumed run has the same rates without having to remember anything.

#pragma once

#include <cstdint>

#include "model/train_spec.h"

namespace dl::worker::train {

// Warm-up, where there is one, rises linearly: the first step has 1/w of the rate, the w-th all of
// it, with w = warmup_epochs × steps_per_epoch. It goes over the schedule, which starts at the
// same time for `constant` and `step` and when the warm-up ends for `cosine` and `linear`:
//
//   constant  rate
//   step      rate × gamma^⌊epoch / step_epochs⌋
//   linear    rate × (1 - t × (1 - f))                  t: part of the steps after the warm-up
//   cosine    rate × (f + (1 - f) × (1 + cos πt) / 2)   that is done; f: final_fraction
class Schedule {
 public:
  // `total_steps` of the whole run, at least 1.
  Schedule(const TrainSpec& spec, std::uint64_t steps_per_epoch, std::uint64_t total_steps);

  // `step` counts from 0.
  double learning_rate(std::uint64_t step) const;

 private:
  double factor(std::uint64_t step) const;

  ScheduleSpec spec_;
  double rate_;
  std::uint64_t steps_per_epoch_;
  std::uint64_t total_steps_;
  std::uint64_t warmup_steps_;
};

}  // namespace dl::worker::train
