#include "worker/train/non_finite.h"

#include <bit>

namespace dl::worker::train {
namespace {

// A float is finite unless its exponent is all ones. Without a branch, so that it is vectorised.
bool all_finite(const float* values, std::int64_t count) {
  constexpr std::uint32_t kExponent = 0x7f80'0000;
  std::uint32_t bad = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    bad |= static_cast<std::uint32_t>((std::bit_cast<std::uint32_t>(values[i]) & kExponent) ==
                                      kExponent);
  }
  return bad == 0;
}

bool is_finite(const torch::Tensor& tensor) {
  const bool plain = tensor.is_cpu() && tensor.scalar_type() == torch::kFloat32 &&
                     tensor.is_non_overlapping_and_dense();
  if (plain) return all_finite(tensor.const_data_ptr<float>(), tensor.numel());
  return torch::isfinite(tensor).all().item<bool>();
}

// One answer from a GPU for all tensors, as each costs a wait.
bool are_finite_on_gpu(const std::vector<torch::Tensor>& tensors) {
  // A largest element is not finite where any is not; NaN wins.
  const auto largest = at::_foreach_norm(tensors, std::numeric_limits<double>::infinity());
  return torch::isfinite(torch::stack(largest)).all().item<bool>();
}

}  // namespace

std::optional<std::size_t> first_non_finite(const std::vector<torch::Tensor>& gradients) {
  const torch::NoGradGuard no_grad;
  const bool gpu = !gradients.empty() && gradients.front().is_cuda();
  if (gpu && are_finite_on_gpu(gradients)) return std::nullopt;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!is_finite(gradients[i])) return i;
  }
  return std::nullopt;
}

void LossScale::update(bool overflowed) {
  const double factor = value();
  const double steps = state_[1].item<double>() + 1;
  if (overflowed) {
    state_[0] = std::max(factor / 2, kLeast);
    state_[1] = 0;
  } else if (steps >= kPatience) {
    state_[0] = factor * 2;
    state_[1] = 0;
  } else {
    state_[1] = steps;
  }
}

}  // namespace dl::worker::train
