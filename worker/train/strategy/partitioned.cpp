// Synchronous SGD by slices, as BigDL does it (Dai et al., 2019): the parameters are cut in one
// slice a rank. Gradients travel as fp16 by a reduce-scatter, which leaves each rank with the sum
// of its slice; it steps the slice with an optimizer whose state nobody else has, and an all-gather
// gives the new weights to all, in fp32. Of N parameters a rank of P sends 6(P − 1)N/P bytes a
// step, three quarters of what an all-reduce of fp32 gradients sends.

#include <cmath>

#include "worker/train/strategy/flat_model.h"
#include "worker/train/strategy/stopwatch.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

TrainSpec without_clipping(TrainSpec spec) {
  spec.clip_norm = 0;  // A slice's norm is not the gradient's: done here.
  return spec;
}

class Partitioned : public Strategy {
 public:
  explicit Partitioned(const StrategyContext& context)
      : Strategy(context),
        model_(replica_, gang_.size()),
        length_(model_.values.numel() / gang_.size()),
        slice_(slice_of(model_.values, gang_.rank())),
        train_(without_clipping(spec_.train)),
        descent_(train_, {{kSlice, slice_}},
                 {.any = [this](bool mine) { return gang_.sum({mine ? 1.0 : 0.0})[0] > 0; },
                  .culprit = [this] { return culprit_of(gang_, replica_, *samples_); }}) {}

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    const Stopwatch computing;
    samples_ = &samples;
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = replica_.backward(samples, {.divisor = samples.global_count});
    (void)replica_.gradients();
    computed_.add(computing.elapsed());
    const Stopwatch gradients;
    torch::Tensor sum = sum_of_slices();
    communicated_.add(gradients.elapsed());
    if (spec_.train.clip_norm > 0) clip(sum);
    DL_CHECK(descent_.step({sum}, clock));
    const Stopwatch weights;
    gather_weights();
    communicated_.add(weights.elapsed());
    return part;
  }

  // Slices become whole tensors, under the names that `ring` gives them: a checkpoint fits either,
  // and any number of workers.
  Outcome<void> enter_consensus() override {
    whole_.clear();
    for (const NamedTensor& one : descent_.state()) {
      const torch::Tensor whole = torch::cat(gang_.gather(one.tensor));
      whole_.push_back({slot_of(one.name), whole});
    }
    return {};
  }
  void leave_consensus() override {
    const torch::NoGradGuard no_grad;
    for (const NamedTensor& one : descent_.state()) {
      for (const NamedTensor& whole : whole_) {
        if (whole.name == slot_of(one.name)) {
          one.tensor.copy_(slice_of(whole.tensor, gang_.rank()));
        }
      }
    }
    whole_.clear();
  }

  std::vector<NamedTensor> state() override {
    if (whole_.empty()) {
      for (const NamedTensor& one : descent_.state()) {
        whole_.push_back({slot_of(one.name), torch::zeros_like(model_.values)});
      }
    }
    std::vector<NamedTensor> all;
    for (const NamedTensor& whole : whole_) {
      std::int64_t offset = 0;
      for (const NamedTensor& parameter : replica_.parameters()) {
        all.push_back({whole.name + "." + parameter.name,
                       whole.tensor.as_strided(parameter.tensor.sizes(), parameter.tensor.strides(),
                                               offset)});
        offset += parameter.tensor.numel();
      }
    }
    return all;
  }

  bool may_stop(bool told) override { return gang_.sum({told ? 1.0 : 0.0})[0] > 0; }

  std::vector<Scalar> metrics() override {
    const double computed = computed_.take();
    return {{"train.communication", share_of(communicated_.take(), computed)}};
  }

 private:
  static constexpr const char* kSlice = "slice";

  // "optimizer.momentum" of "optimizer.momentum.slice".
  static std::string slot_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

  torch::Tensor slice_of(const torch::Tensor& whole, std::uint32_t rank) const {
    return whole.detach().narrow(0, length_ * rank, length_);
  }

  torch::Tensor sum_of_slices() const {
    if (gang_.size() == 1) return model_.gradients;
    return gang_.sum_of_slices(model_.gradients.to(torch::kFloat16)).to(torch::kFloat32);
  }

  void gather_weights() {
    if (gang_.size() > 1) gang_.gather_slices(model_.values);
  }

  void clip(torch::Tensor& sum) const {
    const double norm =
        std::sqrt(gang_.sum({sum.to(torch::kFloat64).square().sum().item<double>()})[0]);
    if (norm > spec_.train.clip_norm) sum.mul_(spec_.train.clip_norm / norm);
  }

  FlatModel model_;
  const std::int64_t length_;  // Of a slice.
  const torch::Tensor slice_;
  const TrainSpec train_;
  Descent descent_;
  std::vector<NamedTensor> whole_;    // In consensus alone: every slot of the optimizer, whole.
  const Samples* samples_ = nullptr;  // Of the step under way.
  SecondsMeter computed_;
  SecondsMeter communicated_;
};

}  // namespace

std::unique_ptr<Strategy> make_partitioned(const StrategyContext& context) {
  return std::make_unique<Partitioned>(context);
}

}  // namespace dl::worker::train
