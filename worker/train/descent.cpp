#include "worker/train/descent.h"

#include <cstdio>

namespace dl::worker::train {

Descent::Descent(const TrainSpec& spec, std::vector<NamedTensor> parameters, Agreement agreement)
    : spec_(spec),
      parameters_(std::move(parameters)),
      agreement_(std::move(agreement)),
      optimizer_(make_optimizer(spec, parameters_)) {
  if (spec.precision == "float16") scale_.emplace();
}

Outcome<void> Descent::step(const std::vector<torch::Tensor>& gradients, const StepClock& clock) {
  const std::optional<std::size_t> bad = first_non_finite(gradients);
  if (agreement_.any ? agreement_.any(bad.has_value()) : bad.has_value()) return skip(clock, bad);
  skipped_in_a_row_ = 0;
  if (scale_) {
    const torch::NoGradGuard no_grad;
    at::_foreach_mul_(gradients, 1.0 / scale_->value());
    scale_->update(/*overflowed=*/false);
  }
  if (spec_.clip_norm > 0) clip_gradients(gradients, spec_.clip_norm);
  optimizer_->step(gradients, clock.learning_rate, clock.step);
  return {};
}

Outcome<void> Descent::skip(const StepClock& clock, std::optional<std::size_t> bad) {
  // A scale that can be lowered has to be: that some gradients overflow is how it is found.
  const bool lowered = scale_ && scale_->value() > LossScale::kLeast;
  if (lowered) scale_->update(/*overflowed=*/true);
  if (spec_.non_finite == "stop" && !lowered) return failure(clock, bad);
  ++skipped_;
  ++skipped_in_a_row_;
  if (spec_.non_finite == "skip" && !lowered && skipped_in_a_row_ > kSkipsInARow) {
    return failure(clock, bad);
  }
  return {};
}

Failure Descent::failure(const StepClock& clock, std::optional<std::size_t> bad) const {
  std::string whose =
      agreement_.rank ? "rank " + std::to_string(*agreement_.rank) + "'s gradient" : "the gradient";
  if (bad) whose += " of " + parameters_[*bad].name;
  if (agreement_.culprit) whose = agreement_.culprit();
  char rate[32];
  std::snprintf(rate, sizeof rate, "%g", clock.learning_rate);
  std::string text = "step " + std::to_string(clock.step + 1) + ": " + whose +
                     " is not finite, at learning rate " + rate;
  if (skipped_in_a_row_ > 0) {
    text += ", after " + std::to_string(skipped_in_a_row_ - 1) + " skipped steps in a row";
  }
  text += "; lower train.learning_rate, set train.clip_norm, or look for bad values in the data";
  if (spec_.non_finite == "stop") text += " (train.non_finite: skip leaves such steps out)";
  return {FailureKind::kUserCode, "", std::move(text)};
}

std::vector<Scalar> Descent::metrics() const {
  if (spec_.non_finite == "stop" && !scale_) return {};
  return {{"train.skipped_steps", static_cast<double>(skipped_)}};
}

std::vector<NamedTensor> Descent::state() const {
  std::vector<NamedTensor> all;
  for (const NamedTensor& one : optimizer_->state()) {
    all.push_back({"optimizer." + one.name, one.tensor});
  }
  if (scale_) all.push_back({"optimizer.loss_scale", scale_->state()});
  return all;
}

}  // namespace dl::worker::train
