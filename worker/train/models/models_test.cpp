#include <catch2/catch.hpp>

#include "worker/train/models/model.h"

using namespace dl::worker::train;

namespace {

std::shared_ptr<Model> make(const std::string& name, const SampleShape& shape,
                            std::uint32_t classes, std::uint64_t seed = 1) {
  dl::ModelSpec spec;
  spec.name = name;
  spec.classes = classes;
  auto model = make_model(spec, shape, seed);
  REQUIRE(model.has_value());
  return *std::move(model);
}

std::int64_t count(const Model& model) {
  std::int64_t total = 0;
  for (const torch::Tensor& parameter : model.parameters()) total += parameter.numel();
  return total;
}

}  // namespace

// The published sizes: torchvision's for resnet18 and vgg19. Inception v1 is the paper's with
// 5 x 5 convolutions and two parameters of normalisation a channel; a sum over its table gives it.
TEST_CASE("models have the expected numbers of parameters", "[models]") {
  const SampleShape imagenet{3, 224, 224};
  CHECK(count(*make("resnet18", imagenet, 1000)) == 11'689'512);
  CHECK(count(*make("inception_v1", imagenet, 1000)) == 7'005'832);
  CHECK(count(*make("vgg19", imagenet, 1000)) == 143'667'240);
  CHECK(count(*make("mlp", {1, 28, 28}, 10)) == 784 * 200 + 200 + 200 * 200 + 200 + 200 * 10 + 10);
}

TEST_CASE("models learn from a tiny batch", "[models]") {
  const auto [name, side] = GENERATE(table<std::string, std::uint32_t>({{"mlp", 8},
                                                                        {"lenet", 16},
                                                                        {"lenet", 28},
                                                                        {"resnet18", 32},
                                                                        {"inception_v1", 32},
                                                                        {"vgg19", 32}}));
  INFO(name);
  const SampleShape shape{3, side, side};
  const auto model = make(name, shape, 7);
  torch::manual_seed(3);
  const torch::Tensor scores = model->forward(torch::randn({2, 3, side, side}));
  CHECK(scores.sizes() == torch::IntArrayRef({2, 7}));
  torch::nn::functional::cross_entropy(scores, torch::tensor({1, 5})).backward();
  for (const auto& item : model->named_parameters()) {
    INFO(item.key());
    REQUIRE(item.value().grad().defined());
    CHECK(torch::isfinite(item.value().grad()).all().item<bool>());
  }
}

TEST_CASE("a seed makes the same model each time, another seed another", "[models]") {
  const SampleShape shape{1, 16, 16};
  const auto one = make("lenet", shape, 10, 5)->parameters();
  const auto again = make("lenet", shape, 10, 5)->parameters();
  const auto other = make("lenet", shape, 10, 6)->parameters();
  for (std::size_t i = 0; i < one.size(); ++i) CHECK(torch::equal(one[i], again[i]));
  CHECK_FALSE(torch::equal(one[0], other[0]));
}

TEST_CASE("models that cannot be made say why", "[models]") {
  dl::ModelSpec spec;
  spec.name = "lenet5";
  CHECK_THAT(make_model(spec, {1, 28, 28}, 1).error().message,
             Catch::Contains("\"lenet5\" is unknown; there are mlp, lenet"));
  spec.name = "vgg19";
  CHECK_THAT(make_model(spec, {1, 28, 28}, 1).error().message,
             Catch::Contains("at least 32 x 32, these have 28 x 28"));
}
