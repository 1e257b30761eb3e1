// Model averaging: workers train apart on their shares and their parameters are averaged at the end
// of every epoch (dist-keras' AveragingTrainer), or once, at the end of the run (Elephas'
// synchronous mode, which averages what each partition has learned in all epochs).

#include "worker/train/strategy/flat_model.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

class Averaging : public Strategy {
 public:
  explicit Averaging(const StrategyContext& context)
      : Strategy(context),
        model_(replica_),
        own_(replica_),
        descent_(spec_.train, replica_.parameters(), {.rank = gang_.rank()}),
        steps_per_epoch_(context.steps_per_epoch) {}

  Outcome<std::uint64_t> resume(std::uint64_t step) override {
    set_position(step);
    return step;
  }

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = replica_.backward(samples, {.divisor = samples.count()});
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    set_position(clock.step + 1);
    return part;
  }

  // Ranks are not in step: rank 0's loss stands for all.
  double mean_loss(const torch::Tensor& part) override { return part.item<double>(); }

  // The mean is what counts, and what is evaluated; training goes on from it after an epoch.
  Outcome<void> enter_consensus() override {
    own_.set_aside();
    average(gang_, replica_, model_);
    if (adopts_mean_) own_.set_aside();
    return {};
  }
  void leave_consensus() override { own_.put_back(); }

  std::vector<NamedTensor> own_state() override {
    std::vector<NamedTensor> all = descent_.state();
    all.insert(all.end(), own_.tensors().begin(), own_.tensors().end());
    return all;
  }

  bool may_stop(bool told) override { return is_agreeing_ && gang_.sum({told ? 1.0 : 0.0})[0] > 0; }

 private:
  void set_position(std::uint64_t step) {
    const bool at_epoch_end = step % steps_per_epoch_ == 0;
    adopts_mean_ = at_epoch_end && spec_.strategy.frequency == "epoch";
    // All ranks stop after the same step. To agree they wait for each other: not at every step.
    is_agreeing_ = at_epoch_end || step % spec_.train.report_every_steps == 0;
  }

  FlatModel model_;
  OwnModel own_;
  Descent descent_;
  const std::uint64_t steps_per_epoch_;
  bool adopts_mean_ = false;
  bool is_agreeing_ = true;
};

}  // namespace

std::unique_ptr<Strategy> make_averaging(const StrategyContext& context) {
  return std::make_unique<Averaging>(context);
}

}  // namespace dl::worker::train
