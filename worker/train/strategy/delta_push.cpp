// Workers train by themselves and push how far they came since they had the centre's values; the
// servers add it up: Elephas' asynchronous and hogwild modes, DOWNPOUR, and with a factor on the
// servers' side ADAG (1/window) and DynSGD (1/staleness).
//
// Who pushes a whole epoch pushes 1/workers of it, so that the centre becomes an average. A worker
// goes most of its way in an epoch; the sum of all that would go several times as far, beyond what
// they make for, and further at each epoch.
//
// The exchange overlaps with computation: while the answer is on its way the worker goes on, and
// what it learns meanwhile is added to the centre's values when they come.

#include "worker/train/strategy/server_strategy.h"

namespace dl::worker::train {
namespace {

using paramserver::Client;
using paramserver::PushKind;

class DeltaPush : public ServerStrategy {
 public:
  explicit DeltaPush(const StrategyContext& context)
      : ServerStrategy(context),
        descent_(spec_.train, replica_.parameters(), agreement()),
        window_(window_of(context)),
        share_(spec_.strategy.frequency == "epoch" ? 1.0 / line().groups() : 1.0),
        overlaps_(line().is_alone() && spec_.strategy.algorithm != "bounded"),
        base_(model().values.clone()),
        sent_(model().values.clone()),
        outgoing_(make_message()),
        incoming_(make_message()) {}

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = backward(samples, own_count(samples));
    step_ = clock.step + 1;
    // The servers have this step from before they were restarted.
    if (clock.step < acknowledged()) return part;
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    ++since_;
    const bool due = since_ >= window_ || clock.ends_epoch;
    if (line().busy() && (due || line().ready())) DL_CHECK(receive());
    if (due) send();
    if (due && !overlaps_) DL_CHECK(receive());
    return part;
  }

  std::vector<NamedTensor> own_state() override { return descent_.state(); }

  bool may_stop(bool told) override { return overlaps_ ? told : may_stop_together(step_, told); }

 protected:
  Outcome<std::uint64_t> joined(std::uint64_t step) override {
    adopted();
    step_ = first_unacknowledged(step);
    return step_;
  }

  // In the middle of a window the steps since the last push are pushed before their time.
  Outcome<void> flush() override {
    if (line().busy()) DL_CHECK(receive());
    if (since_ == 0) return {};
    send();
    return receive();
  }

  void adopted() override {
    const torch::NoGradGuard no_grad;
    base_.copy_(model().values);
    since_ = 0;
  }

 private:
  static std::uint64_t window_of(const StrategyContext& context) {
    const StrategySpec& spec = context.spec.strategy;
    if (spec.frequency == "batch") return 1;
    if (spec.frequency == "epoch") return context.steps_per_epoch;
    return spec.window;
  }

  void send() {
    const torch::NoGradGuard no_grad;
    outgoing_.copy_((model().values - base_).mul_(share_));
    sent_.copy_(model().values);
    since_ = 0;
    if (!line().leads()) return;
    line().start([this, step = step_](Client& client) {
      return client.push_pull(kDense, span_of(outgoing_),
                              {.kind = PushKind::kDelta, .position = step}, span_of(incoming_));
    });
  }

  Outcome<void> receive() {
    const torch::NoGradGuard no_grad;
    if (line().busy()) {
      DL_CHECK(line().wait());
      // What was learned since the push stays.
      model().values.sub_(sent_).add_(incoming_);
      base_.copy_(incoming_);
    }
    share_in_group();
    return {};
  }

  Descent descent_;
  const std::uint64_t window_;
  const double share_;  // Of its progress that a worker pushes.
  const bool overlaps_;
  const torch::Tensor base_;  // The centre's values that this worker started from.
  const torch::Tensor sent_;  // This worker's when it last pushed.
  const torch::Tensor outgoing_;
  const torch::Tensor incoming_;
  std::uint64_t step_ = 0;   // Steps that were taken.
  std::uint64_t since_ = 0;  // … since the last push.
};

}  // namespace

std::unique_ptr<Strategy> make_delta_push(const StrategyContext& context) {
  return std::make_unique<DeltaPush>(context);
}

}  // namespace dl::worker::train
