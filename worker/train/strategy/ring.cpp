// Ring all-reduce: all replicas have the same gradients at every step, and so stay equal to the
// last bit.

#include "worker/train/exchange/gradient_exchange.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

class Ring : public Strategy {
 public:
  explicit Ring(const StrategyContext& context)
      : Strategy(context),
        exchange_(replica_, gang_, spec_, context.note),
        descent_(exchange_.optimizer_spec(), replica_.parameters(),
                 {.any = {}, .culprit = [this] { return find_culprit(); }}) {}

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    samples_ = &samples;
    step_ = clock.step;
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = exchange_.backward(samples, clock.step);
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    return part;
  }

  Outcome<std::uint64_t> resume(std::uint64_t step) override {
    exchange_.resume();
    return step;
  }

  std::vector<NamedTensor> state() override {
    std::vector<NamedTensor> state = descent_.state();
    for (NamedTensor& one : exchange_.state()) state.push_back(std::move(one));
    return state;
  }
  std::vector<NamedTensor> own_state() override { return exchange_.own_state(); }
  bool leader_has_all() const override { return !ranks_differ_; }
  // Ranks that all have to give something to the checkpoint stop after the same step.
  bool may_stop(bool told) override {
    return ranks_differ_ ? gang_.sum({told ? 1.0 : 0.0})[0] > 0 : told;
  }

  std::vector<Scalar> metrics() override {
    std::vector<Scalar> metrics = descent_.metrics();
    for (Scalar& one : exchange_.metrics()) metrics.push_back(std::move(one));
    return metrics;
  }

 private:
  std::string find_culprit() {
    seed_step(spec_.train, gang_, step_);
    return culprit_of(gang_, replica_, *samples_);
  }

  GradientExchange exchange_;
  const bool ranks_differ_ = !exchange_.own_state().empty();
  Descent descent_;
  const Samples* samples_ = nullptr;  // Of the step under way.
  std::uint64_t step_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_ring(const StrategyContext& context) {
  return std::make_unique<Ring>(context);
}

}  // namespace dl::worker::train
