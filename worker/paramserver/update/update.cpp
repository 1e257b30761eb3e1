#include "worker/paramserver/update/update.h"

#include <algorithm>
#include <cmath>

namespace dl::worker::paramserver {
namespace {

const UpdateTable& updates() {
  static const UpdateTable& table =
      __builtin_cpu_supports("avx2") ? avx2_updates() : baseline_updates();
  return table;
}

StepFn step_of(const UpdateOptions& options) {
  switch (options.rule) {
    case Rule::kSgd:
      if (options.momentum == 0) return updates().sgd;
      return options.nesterov ? updates().nesterov : updates().momentum;
    case Rule::kAdagrad: return updates().adagrad;
    case Rule::kAdam: return updates().adam;
    case Rule::kAdamW: return updates().adamw;
  }
  return nullptr;
}

}  // namespace

std::uint32_t slots_of(const UpdateOptions& options) {
  switch (options.rule) {
    case Rule::kSgd: return options.momentum == 0 ? 0 : 1;
    case Rule::kAdagrad: return 1;
    case Rule::kAdam:
    case Rule::kAdamW: return 2;
  }
  return 0;
}

Update Update::delta(float factor) {
  Update update;
  update.step_ = updates().add;
  update.constants_.factor = factor;
  return update;
}

Update Update::gradient(const UpdateOptions& options, float factor, float learning_rate,
                        std::uint64_t count) {
  Update update;
  update.step_ = step_of(options);
  update.constants_ = {.factor = factor,
                       .learning_rate = learning_rate,
                       .momentum = options.momentum,
                       .beta1 = options.beta1,
                       .beta2 = options.beta2,
                       .epsilon = options.epsilon,
                       .weight_decay = options.weight_decay};
  if (options.rule == Rule::kAdam || options.rule == Rule::kAdamW) {
    const auto steps = static_cast<double>(count);
    update.constants_.step_size =
        static_cast<float>(learning_rate / (1 - std::pow(double{options.beta1}, steps)));
    update.constants_.root_factor =
        static_cast<float>(1 / std::sqrt(1 - std::pow(double{options.beta2}, steps)));
  }
  return update;
}

void add(float* into, std::span<const float> from) {
  updates().sum(into, from.data(), from.size());
}

std::optional<std::size_t> find_not_finite(std::span<const float> values) {
  constexpr std::size_t kBlock = 4096;
  for (std::size_t at = 0; at < values.size(); at += kBlock) {
    const auto block = values.subspan(at, std::min(kBlock, values.size() - at));
    if (updates().finite(block.data(), block.size())) continue;
    for (std::size_t i = 0; i < block.size(); ++i) {
      if (!std::isfinite(block[i])) return at + i;
    }
  }
  return std::nullopt;
}

}  // namespace dl::worker::paramserver
