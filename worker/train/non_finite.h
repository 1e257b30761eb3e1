// Gradients that are not finite: NaN from the data or the arithmetic, infinity where it overflows.

#pragma once

#include <torch/torch.h>

#include <cstddef>
#include <optional>
#include <vector>

namespace dl::worker::train {

// The first of `gradients` (floats) that holds a NaN or an infinity. Reads each once.
std::optional<std::size_t> first_non_finite(const std::vector<torch::Tensor>& gradients);

// The factor that float16 gradients are computed with, so that small ones do not vanish: halved
// when some overflow, doubled after kPatience steps without.
class LossScale {
 public:
  static constexpr double kInitial = 65'536;
  static constexpr double kLeast = 1.0 / 65'536;
  static constexpr int kPatience = 2'000;

  double value() const { return state_[0].item<double>(); }
  void update(bool overflowed);

  // The factor and the steps since it changed: for a checkpoint.
  const torch::Tensor& state() const { return state_; }

 private:
  torch::Tensor state_ = torch::tensor({kInitial, 0.0}, torch::kFloat64);
};

}  // namespace dl::worker::train
