// Optimizers change the parameters by their gradients. All ranks have the same gradients and so
// take the same step; nothing is exchanged here.

#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <vector>

#include "model/train_spec.h"

namespace dl::worker::train {

struct NamedTensor {
  std::string name;
  torch::Tensor tensor;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  // One step along `gradients`, which are in the order of the parameters. `step` counts from 0
  // over the whole run.
  virtual void step(const std::vector<torch::Tensor>& gradients, double learning_rate,
                    std::uint64_t step) = 0;

  // What it remembers between steps, "momentum.<parameter>": saved in and restored from
  // checkpoints through these tensors.
  virtual std::vector<NamedTensor> state() const = 0;
};

// sgd, adam or adamw over `parameters`.
std::unique_ptr<Optimizer> make_optimizer(const TrainSpec& spec,
                                          std::vector<NamedTensor> parameters);

// Scales the gradients down to a global norm of `limit` where it is larger.
void clip_gradients(const std::vector<torch::Tensor>& gradients, double limit);

}  // namespace dl::worker::train
