// Local SGD: workers train apart on their shares for a window of steps, then take the mean of their
// parameters (Stich, 2019; H2O's periodic averaging).
//
// Without a window in the spec it is found out: the first averages are timed, and the window
// becomes the smallest with communication ÷ computation ≤ target_communication, as H2O chooses its
// samples per iteration. It is the same on all ranks, stands in the metrics and in checkpoints.

#include <algorithm>
#include <chrono>
#include <cmath>

#include "worker/train/strategy/flat_model.h"
#include "worker/train/strategy/stopwatch.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

// The first step and the first average make memory and connections warm; these are timed.
constexpr std::int64_t kTimedAverages = 5;

class LocalSgd : public Strategy {
 public:
  explicit LocalSgd(const StrategyContext& context)
      : Strategy(context),
        model_(replica_),
        descent_(spec_.train, replica_.parameters(), {.rank = gang_.rank()}),
        steps_per_epoch_(static_cast<std::int64_t>(context.steps_per_epoch)),
        note_(context.note),
        window_(torch::full({1}, static_cast<std::int64_t>(spec_.strategy.window), torch::kInt64)) {
  }

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    const Stopwatch stopwatch;
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = replica_.backward(samples, {.divisor = samples.count()});
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    ++since_;
    computed_.add(stopwatch.elapsed());
    if (since_ >= std::max<std::int64_t>(1, window())) exchange();
    return part;
  }

  // Ranks are not in step: rank 0's loss stands for all.
  double mean_loss(const torch::Tensor& part) override { return part.item<double>(); }

  Outcome<void> enter_consensus() override {
    if (since_ > 0) exchange();
    return {};
  }

  std::vector<NamedTensor> state() override { return {{"strategy.window", window_}}; }
  std::vector<NamedTensor> own_state() override { return descent_.state(); }
  bool may_stop(bool told) override { return since_ == 0 && gang_.sum({told ? 1.0 : 0.0})[0] > 0; }

  std::vector<Scalar> metrics() override {
    const double computed = computed_.take();
    const double communicated = communicated_.take();
    return {{"train.communication", share_of(communicated, computed)},
            {"train.window", static_cast<double>(std::max<std::int64_t>(1, window()))}};
  }

 private:
  std::int64_t window() const { return window_.item<std::int64_t>(); }

  void exchange() {
    const Stopwatch stopwatch;
    average(gang_, replica_, model_);
    const double seconds = stopwatch.elapsed();
    communicated_.add(seconds);
    if (window() == 0) time(seconds);
    since_ = 0;
  }

  // The rank that comes last to an average waits for nobody: the least time is what it costs.
  void time(double seconds) {
    if (++averages_ == 1) {
      step_seconds_ = 0;
    } else {
      average_seconds_ = std::min(average_seconds_, seconds);
      step_seconds_ += computed_.last() / static_cast<double>(kTimedAverages);
    }
    if (averages_ <= kTimedAverages) return;
    const auto nanoseconds = [](double value) { return static_cast<std::int64_t>(value * 1e9); };
    std::int64_t least_average = nanoseconds(average_seconds_);
    std::int64_t longest_step = 0;
    for (const auto& rank :
         gang_.gather({nanoseconds(average_seconds_), nanoseconds(step_seconds_)})) {
      least_average = std::min(least_average, rank[0]);
      longest_step = std::max(longest_step, rank[1]);
    }
    const double steps = static_cast<double>(least_average) /
                         (spec_.strategy.target_communication *
                          static_cast<double>(std::max<std::int64_t>(1, longest_step)));
    window_.fill_(
        std::clamp(static_cast<std::int64_t>(std::ceil(steps)), std::int64_t{1}, steps_per_epoch_));
    if (gang_.leads()) {
      note_("local_sgd averages every " + std::to_string(window()) +
            " steps; set strategy.window to it to repeat this run");
    }
  }

  FlatModel model_;
  Descent descent_;
  const std::int64_t steps_per_epoch_;
  const std::function<void(const std::string&)> note_;
  const torch::Tensor window_;  // 0: not known yet.
  std::int64_t since_ = 0;      // Steps since the last average.
  SecondsMeter computed_;
  SecondsMeter communicated_;
  std::int64_t averages_ = 0;
  double average_seconds_ = 1e9;
  double step_seconds_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_local_sgd(const StrategyContext& context) {
  return std::make_unique<LocalSgd>(context);
}

}  // namespace dl::worker::train
