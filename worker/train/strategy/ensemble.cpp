// An ensemble: workers train a model each, from parameters of their own and on their shares
// (dist-keras' EnsembleTrainer). Nothing is averaged but what they say: an evaluation takes the
// mean of the members' probabilities, and every member is saved.

#include <numeric>

#include "base/crc32c.h"
#include "worker/train/strategy/flat_model.h"
#include "worker/train/strategy/strategy.h"

namespace dl::worker::train {
namespace {

// Every member judges every sample.
std::vector<Share> all_samples(std::uint64_t samples, std::uint32_t batch_size) {
  std::vector<Share> shares;
  for (std::uint64_t at = 0; at < samples; at += batch_size) {
    const auto count =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(batch_size, samples - at));
    shares.push_back({.begin = at, .count = count, .global_count = count});
  }
  return shares;
}

class Ensemble : public Strategy {
 public:
  explicit Ensemble(const StrategyContext& context)
      : Strategy(context),
        own_(replica_),
        descent_(spec_.train, replica_.parameters(), {.rank = gang_.rank()}) {}

  // Every member starts from its own parameters.
  void begin() override {}

  Outcome<std::uint64_t> resume(std::uint64_t step) override {
    step_ = step;
    return step;
  }

  Outcome<torch::Tensor> step(const Samples& samples, const StepClock& clock) override {
    replica_.set_loss_scale(descent_.loss_scale());
    const torch::Tensor part = replica_.backward(samples, {.divisor = samples.count()});
    DL_CHECK(descent_.step(replica_.gradients(), clock));
    step_ = clock.step + 1;
    return part;
  }

  double mean_loss(const torch::Tensor& part) override { return part.item<double>(); }

  Outcome<void> enter_consensus() override {
    own_.set_aside();
    return {};
  }
  // A checkpoint was read into the own tensors; rank 0's model came to all replicas.
  void leave_consensus() override { own_.put_back(); }

  Evaluation evaluate(std::shared_ptr<const Dataset> dataset, std::uint32_t batch_size) override {
    own_.put_back();
    const torch::NoGradGuard no_grad;
    replica_.model().eval();
    std::vector<std::uint32_t> order(dataset->size());
    std::iota(order.begin(), order.end(), 0u);
    Loader loader(dataset, std::move(order), all_samples(dataset->size(), batch_size), {});
    Evaluation sums;
    double labels = 0;
    while (const Batch* batch = loader.next()) {
      const Samples samples = samples_of(*batch, *dataset);
      const torch::Tensor scores = replica_.scores(samples.inputs);
      torch::Tensor mean = scores.flatten(0, -2).softmax(1);
      gang_.average(mean);
      const torch::Tensor truth = samples.labels.to(replica_.device()).flatten();
      sums.loss += at::nll_loss(mean.log(), truth, {}, at::Reduction::Sum).item<double>();
      sums.accuracy += mean.argmax(1).eq(truth).sum().item<double>();
      labels += static_cast<double>(truth.numel());
      sums.samples += samples.count();
    }
    replica_.model().train();
    return {
        .loss = sums.loss / labels, .accuracy = sums.accuracy / labels, .samples = sums.samples};
  }

  Outcome<void> save(const SaveModel& save) override {
    own_.set_aside();
    std::vector<std::vector<torch::Tensor>> members;  // Of each tensor, by rank.
    for (const NamedTensor& one : own_.tensors()) members.push_back(gang_.gather(one.tensor));
    if (!gang_.leads()) return {};
    for (std::uint32_t rank = 0; rank < gang_.size(); ++rank) {
      const torch::NoGradGuard no_grad;
      for (std::size_t i = 0; i < members.size(); ++i) {
        own_.tensors()[i].tensor.copy_(members[i][rank]);
      }
      own_.put_back();
      DL_CHECK(save("member-" + std::to_string(rank)));
    }
    return {};
  }

  // Of all members, for none is like another.
  Outcome<std::uint32_t> checksum() override {
    std::uint32_t crc = 0;
    for (const auto& rank : gang_.gather({replica_.checksum()})) {
      crc = crc32c(std::as_bytes(std::span(rank)), crc);
    }
    return crc;
  }

  std::vector<NamedTensor> own_state() override {
    std::vector<NamedTensor> all = descent_.state();
    all.insert(all.end(), own_.tensors().begin(), own_.tensors().end());
    return all;
  }

  bool may_stop(bool told) override {
    if (step_ % spec_.train.report_every_steps != 0) return false;
    return gang_.sum({told ? 1.0 : 0.0})[0] > 0;
  }

 private:
  OwnModel own_;
  Descent descent_;
  std::uint64_t step_ = 0;
};

}  // namespace

std::unique_ptr<Strategy> make_ensemble(const StrategyContext& context) {
  return std::make_unique<Ensemble>(context);
}

}  // namespace dl::worker::train
