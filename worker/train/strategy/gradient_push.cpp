// Workers push gradients and the servers' optimizer makes steps of them:
//   sync     of the sum over all workers, at every step
//   async    of each worker's as it comes; the answer to one push is on its way while the next
//            gradient is computed
//   hogwild  the same, without locks on the servers
//   bounded  as async, and no worker is more than `staleness` steps ahead of the slowest
//
// Of embedding tables a worker pulls the rows of its next batch and pushes their gradients. Which
// rows those are is known when the batch is, so with tables nothing overlaps with computing. In
// hybrid a group sums whole gradients, and tables are no different from other parameters.

#include "worker/train/non_finite.h"
#include "worker/train/strategy/server_strategy.h"

namespace dl::worker::train {
namespace {

using paramserver::Client;

class GradientPush : public ServerStrategy {
 public:
  explicit GradientPush(const StrategyContext& context)
      : ServerStrategy(context, context.servers->is_alone() ? context.replica.model().tables()
                                                            : std::vector<std::string>()),
        is_synchronous_(spec_.strategy.algorithm == "sync"),
        waits_for_nobody_(line().is_alone() && (spec_.strategy.algorithm == "async" ||
                                                spec_.strategy.algorithm == "hogwild")),
        overlaps_(waits_for_nobody_ && rows().empty()),
        outgoing_(make_message()),
        incoming_(make_message()) {}

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    step_ = clock.step + 1;
    if (!rows().empty()) DL_CHECK(pull_rows(samples));
    // The sum over the workers is the gradient of the whole batch.
    const torch::Tensor part =
        backward(samples, is_synchronous_ ? samples.global_count : own_count(samples));
    if (overlaps_) DL_CHECK(receive());
    // The servers had this push before they were restarted; what they made of it is to come.
    if (clock.step < acknowledged()) {
      DL_CHECK(pull_centre());
      return part;
    }
    DL_CHECK(look_at_gradients(clock));
    send(clock);
    if (!overlaps_) DL_CHECK(receive());
    return part;
  }

  double mean_loss(const torch::Tensor& part) override {
    return is_synchronous_ ? Strategy::mean_loss(part) : ServerStrategy::mean_loss(part);
  }

  std::vector<Scalar> metrics() override {
    std::vector<Scalar> all = ServerStrategy::metrics();
    if (spec_.train.non_finite == "skip") {
      all.push_back({"train.skipped_steps", static_cast<double>(skipped_)});
    }
    return all;
  }

  bool may_stop(bool told) override {
    if (is_synchronous_) return gang_.sum({told ? 1.0 : 0.0})[0] > 0;
    return waits_for_nobody_ ? told : may_stop_together(step_, told);
  }

 protected:
  Outcome<std::uint64_t> joined(std::uint64_t step) override {
    step_ = first_unacknowledged(step);
    return step_;
  }

  Outcome<void> flush() override { return overlaps_ ? receive() : Outcome<void>(); }

 private:
  Outcome<void> pull_rows(const Samples& samples) {
    rows().choose(replica_.model(), samples);
    DL_CHECK(line().call([this](Client& client) { return rows().pull(client); }));
    rows().adopt();
    return {};
  }

  // What is not finite fails the run, or counts as nothing: the servers wait for everyone.
  Outcome<void> look_at_gradients(const StepClock& clock) {
    const std::vector<torch::Tensor>& gradients = replica_.gradients();
    if (const auto bad = first_non_finite(gradients)) {
      if (spec_.train.non_finite == "stop") {
        return Failure{
            FailureKind::kUserCode, "",
            "step " + std::to_string(clock.step + 1) + ": " + culprit(*bad) +
                " is not finite; lower train.learning_rate, set train.clip_norm, or look "
                "for bad values in the data (train.non_finite: skip leaves them out)"};
      }
      model().gradients.zero_();
      ++skipped_;
    } else if (spec_.train.clip_norm > 0) {
      clip_gradients(gradients, spec_.train.clip_norm);
    }
    return {};
  }

  void send(const StepClock& clock) {
    if (!line().leads()) return;
    const torch::NoGradGuard no_grad;
    outgoing_.copy_(gradients());
    rows().take_gradients();
    const paramserver::PushOptions options = {
        .learning_rate = static_cast<float>(clock.learning_rate), .position = clock.step + 1};
    line().start([this, options](Client& client) -> Result<void> {
      DL_CHECK(rows().push(client, options));
      return client.push_pull(kDense, span_of(outgoing_), options, span_of(incoming_));
    });
  }

  Outcome<void> receive() {
    if (line().busy()) {
      DL_CHECK(line().wait());
      const torch::NoGradGuard no_grad;
      values().copy_(incoming_);
    }
    if (!overlaps_) share_in_group();
    return {};
  }

  const bool is_synchronous_;
  const bool waits_for_nobody_;
  const bool overlaps_;
  const torch::Tensor outgoing_;
  const torch::Tensor incoming_;
  std::uint64_t step_ = 0;
  std::uint64_t skipped_ = 0;  // Steps whose gradients were left out.
};

}  // namespace

std::unique_ptr<Strategy> make_gradient_push(const StrategyContext& context) {
  return std::make_unique<GradientPush>(context);
}

}  // namespace dl::worker::train
