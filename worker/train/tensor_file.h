// Tensors of libtorch to and from .dlm files.

#pragma once

#include <vector>

#include "worker/train/checkpoint/container.h"
#include "worker/train/optimizer/optimizer.h"

namespace dl::worker::train {

// Tensors in memory that a file can be written from. The views point into `owned`.
struct TensorFile {
  std::vector<torch::Tensor> owned;
  std::vector<TensorView> views;

  // Copies only what is not on the CPU and contiguous already.
  void add(const std::string& name, const torch::Tensor& tensor);
};

// Copies the tensor called `name` of `container` into `to`. kInvalidArgument when it is not there
// or has another shape or type: it was written for another model.
Result<void> copy_tensor(const Container& container, const std::string& name,
                         const torch::Tensor& to);

}  // namespace dl::worker::train
