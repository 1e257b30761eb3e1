// Elastic averaging (Zhang, Choromanska and LeCun, 2015), as in dist-keras: every window of steps a
// worker and the centre attract each other. E = rho · elastic_rate · (W − centre); W −= E; the
// servers add E. EAMSGD: each worker's sgd has Nesterov's momentum.
//
// Workers stay apart from the centre, so a checkpoint has each one's own parameters. The push of
// an exchange overlaps with the next step.

#include "worker/train/strategy/server_strategy.h"

namespace dl::worker::train {
namespace {

using paramserver::Client;
using paramserver::PushKind;

TrainSpec train_of(const JobSpec& spec) {
  TrainSpec train = spec.train;
  if (spec.strategy.algorithm == "eamsgd") {
    train.momentum = spec.strategy.momentum;
    train.nesterov = train.momentum > 0;
  }
  return train;
}

class Elastic : public ServerStrategy {
 public:
  explicit Elastic(const StrategyContext& context)
      : ServerStrategy(context),
        train_(train_of(spec_)),
        descent_(train_, replica_.parameters(), agreement()),
        own_(replica_),
        force_(spec_.strategy.rho * spec_.strategy.elastic_rate),
        message_(make_message()) {}

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = backward(samples, own_count(samples));
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    if (++since_ >= spec_.strategy.window) DL_CHECK(exchange());
    return part;
  }

  // The centre is what counts; this worker's own parameters wait aside.
  Outcome<void> enter_consensus() override {
    DL_CHECK(line().wait());
    own_.set_aside();
    return ServerStrategy::enter_consensus();
  }
  void leave_consensus() override { own_.put_back(); }

  std::vector<NamedTensor> own_state() override {
    std::vector<NamedTensor> all = descent_.state();
    all.insert(all.end(), own_.tensors().begin(), own_.tensors().end());
    return all;
  }

 protected:
  // What a worker has learned since the checkpoint was in its own parameters alone.
  Outcome<std::uint64_t> joined(std::uint64_t step) override {
    if (step == 0) own_.set_aside();
    return step;
  }

 private:
  Outcome<void> exchange() {
    since_ = 0;
    if (line().leads()) DL_CHECK(pull_together());
    share_in_group();
    return {};
  }

  Outcome<void> pull_together() {
    DL_CHECK(
        line().call([this](Client& client) { return client.pull(kDense, span_of(message_)); }));
    const torch::NoGradGuard no_grad;
    const torch::Tensor centre = message_.to(model().values.device());
    const torch::Tensor pull = (model().values - centre).mul_(force_);
    model().values.sub_(pull);
    message_.copy_(pull);
    line().start([this](Client& client) {
      return client.push(kDense, span_of(message_), {.kind = PushKind::kDelta});
    });
    return {};
  }

  const TrainSpec train_;
  Descent descent_;
  OwnModel own_;
  const double force_;
  const torch::Tensor message_;
  std::uint64_t since_ = 0;  // Steps since the last exchange.
};

}  // namespace

std::unique_ptr<Strategy> make_elastic(const StrategyContext& context) {
  return std::make_unique<Elastic>(context);
}

}  // namespace dl::worker::train
