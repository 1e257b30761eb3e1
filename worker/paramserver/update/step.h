// Where update.cpp finds the loops of an instruction set.

#pragma once

#include <cstddef>

namespace dl::worker::paramserver {

// Everything a rule's loop needs besides the arrays; made once for each push and range.
struct StepConstants {
  float factor = 1;  // Of the push.
  float learning_rate = 0;
  float momentum = 0;
  float beta1 = 0;
  float beta2 = 0;
  float epsilon = 0;
  float weight_decay = 0;
  float step_size = 0;    // Adam's: learning rate ÷ (1 − beta1^count).
  float root_factor = 0;  // Adam's: 1 ÷ √(1 − beta2^count).
};

using StepFn = void (*)(float* values, float* first, float* second, const float* push,
                        std::size_t count, const StepConstants& constants);

struct UpdateTable {
  StepFn add;
  StepFn sgd;
  StepFn momentum;
  StepFn nesterov;
  StepFn adagrad;
  StepFn adam;
  StepFn adamw;
  void (*sum)(float* into, const float* from, std::size_t count);
  // Whether all are finite.
  bool (*finite)(const float* values, std::size_t count);
};

const UpdateTable& baseline_updates();
const UpdateTable& avx2_updates();  // Only where the machine has AVX2.

}  // namespace dl::worker::paramserver
