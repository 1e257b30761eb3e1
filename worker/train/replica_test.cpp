#include "worker/train/replica.h"

#include <catch2/catch.hpp>

using namespace dl;
using namespace dl::worker::train;

namespace {

std::shared_ptr<Model> make(const std::string& name) {
  ModelSpec spec;
  spec.name = name;
  auto model = make_model(spec, {3, 32, 32}, 1);
  REQUIRE(model.has_value());
  return *std::move(model);
}

Samples some_samples(std::int64_t count) {
  torch::manual_seed(5);
  return {.inputs = torch::randn({count, 3, 32, 32}),
          .labels = torch::arange(count, torch::kInt64).remainder(10),
          .global_count = static_cast<std::uint32_t>(count)};
}

// Loss and gradients of one step.
struct Step {
  Step(Replica& replica, const Samples& samples, bool anew = false)
      : loss(replica.backward(samples, {.divisor = samples.global_count, .anew = anew})
                 .item<double>()) {
    for (const torch::Tensor& gradient : replica.gradients()) gradients.push_back(gradient.clone());
  }
  // Largest difference over the largest element, of all gradients.
  double far_from(const Step& other) const {
    double far = 0;
    double size = 0;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      far = std::max(far, (gradients[i] - other.gradients[i]).abs().max().item<double>());
      size = std::max(size, other.gradients[i].abs().max().item<double>());
    }
    return far / size;
  }
  double loss;
  std::vector<torch::Tensor> gradients;
};

Step step_of(const std::string& model, const TrainSpec& spec, const Samples& samples) {
  Replica replica(make(model), torch::kCPU, spec);
  return Step(replica, samples);
}

}  // namespace

TEST_CASE("accumulated gradients are those of the whole batch", "[replica]") {
  const Samples samples = some_samples(GENERATE(24, 21));
  TrainSpec spec;
  const Step whole = step_of("lenet", spec, samples);
  spec.accumulate_steps = GENERATE(2u, 3u, 8u);
  const Step parts = step_of("lenet", spec, samples);
  CHECK(parts.loss == Approx(whole.loss).epsilon(1e-6));
  CHECK(parts.far_from(whole) < 1e-5);
  CHECK(parts.far_from(whole) > 0);  // They were added up in another order: it was not one pass.
}

TEST_CASE("gradients in new tensors are those in the old ones", "[replica]") {
  const Samples samples = some_samples(16);
  TrainSpec spec;
  spec.accumulate_steps = 2;
  Replica replica(make("lenet"), torch::kCPU, spec);
  const Step first(replica, samples, true);
  const Step anew(replica, samples, true);
  const Step zeroed(replica, samples, false);
  CHECK(anew.far_from(first) == 0);
  CHECK(zeroed.far_from(first) == 0);
}

TEST_CASE("a share too small for its pieces is taken in fewer", "[replica]") {
  TrainSpec spec;
  spec.accumulate_steps = 8;
  Replica replica(make("resnet18"), torch::kCPU, spec);
  const Step step(replica, some_samples(5));  // Batch normalisation needs two in each.
  CHECK(std::isfinite(step.loss));
}

TEST_CASE("channels last changes the memory and not the sums", "[replica]") {
  const auto name = GENERATE(as<std::string>(), "lenet", "resnet18");
  const Samples samples = some_samples(8);
  TrainSpec spec;
  spec.channels_last = "false";
  const Step plain = step_of(name, spec, samples);
  spec.channels_last = "auto";
  Replica replica(make(name), torch::kCPU, spec);
  CHECK(replica.parameters()[0].tensor.is_contiguous(torch::MemoryFormat::ChannelsLast));
  const Step other(replica, samples);
  CHECK(other.loss == Approx(plain.loss).epsilon(1e-5));
  CHECK(other.far_from(plain) < 1e-3);
}

TEST_CASE("bfloat16 computes nearly the same and leaves parameters as they are", "[replica]") {
  const Samples samples = some_samples(8);
  const Step exact = step_of("lenet", {}, samples);
  TrainSpec spec;
  spec.precision = "bfloat16";
  Replica replica(make("lenet"), torch::kCPU, spec);
  const Step rough(replica, samples);
  CHECK(rough.loss == Approx(exact.loss).epsilon(0.02));
  CHECK(rough.loss != exact.loss);
  CHECK(rough.far_from(exact) < 0.25);
  for (const NamedTensor& parameter : replica.parameters()) {
    CHECK(parameter.tensor.scalar_type() == torch::kFloat32);
    CHECK(parameter.tensor.grad().scalar_type() == torch::kFloat32);
  }
  CHECK(replica.scores(samples.inputs).scalar_type() == torch::kFloat32);
  // Outside of the replica nothing has changed.
  CHECK(replica.model().forward(samples.inputs).scalar_type() == torch::kFloat32);
}

TEST_CASE("the loss scale multiplies gradients and not the loss", "[replica]") {
  const Samples samples = some_samples(8);
  Replica replica(make("lenet"), torch::kCPU);
  const Step plain(replica, samples);
  replica.set_loss_scale(1024);
  Step scaled(replica, samples);
  CHECK(scaled.loss == plain.loss);
  for (torch::Tensor& gradient : scaled.gradients) gradient.div_(1024);
  CHECK(scaled.far_from(plain) < 1e-6);
}

TEST_CASE("label smoothing spreads a share of each label over all classes", "[replica]") {
  const Samples samples = some_samples(8);
  TrainSpec spec;
  spec.label_smoothing = 0.2;
  Replica replica(make("lenet"), torch::kCPU, spec);
  const torch::Tensor surprise = -replica.scores(samples.inputs).log_softmax(1).detach();
  const double of_labels = surprise.gather(1, samples.labels.unsqueeze(1)).mean().item<double>();
  const double of_all = surprise.mean().item<double>();
  const Step smoothed(replica, samples);
  CHECK(smoothed.loss == Approx(0.8 * of_labels + 0.2 * of_all));
  CHECK(step_of("lenet", {}, samples).loss == Approx(of_labels));
}
