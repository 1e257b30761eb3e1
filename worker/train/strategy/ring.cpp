// Ring all-reduce: all replicas have the same gradients at every step, and so stay equal to the
// last bit.

#include "worker/train/strategy/gradient_exchange.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

class Ring : public Strategy {
 public:
  explicit Ring(const StrategyContext& context)
      : Strategy(context),
        exchange_(replica_, gang_, spec_.strategy.bucket_bytes),
        descent_(spec_.train, replica_.parameters(),
                 {.any = {}, .culprit = [this] { return find_culprit(); }}) {}

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    samples_ = &samples;
    step_ = clock.step;
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = exchange_.backward(samples);
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    return part;
  }

  std::vector<NamedTensor> state() override { return descent_.state(); }
  bool leader_has_all() const override { return true; }
  std::vector<Scalar> metrics() override { return descent_.metrics(); }

 private:
  std::string find_culprit() {
    seed_step(spec_.train, gang_, step_);
    return culprit_of(gang_, replica_, *samples_);
  }

  GradientExchange exchange_;
  Descent descent_;
  const Samples* samples_ = nullptr;  // Of the step under way.
  std::uint64_t step_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_ring(const StrategyContext& context) {
  return std::make_unique<Ring>(context);
}

}  // namespace dl::worker::train
