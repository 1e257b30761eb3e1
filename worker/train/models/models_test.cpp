#include <catch2/catch.hpp>

#include "worker/train/models/model.h"

using namespace dl::worker::train;

namespace {

std::shared_ptr<Model> make(const dl::ModelSpec& spec, const SampleShape& shape,
                            std::uint64_t seed = 1) {
  auto model = make_model(spec, shape, seed);
  REQUIRE(model.has_value());
  return *std::move(model);
}

std::shared_ptr<Model> make(const std::string& name, const SampleShape& shape,
                            std::uint32_t classes, std::uint64_t seed = 1) {
  dl::ModelSpec spec;
  spec.name = name;
  spec.classes = classes;
  return make(spec, shape, seed);
}

std::int64_t count(const Model& model) {
  std::int64_t total = 0;
  for (const torch::Tensor& parameter : model.parameters()) total += parameter.numel();
  return total;
}

}  // namespace

// The published sizes: torchvision's for the ResNets and vgg19, and GPT-2 small. Inception v1 is
// the paper's with 5 x 5 convolutions and two parameters of normalisation a channel; a sum over its
// table gives it.
TEST_CASE("models have the expected numbers of parameters", "[models]") {
  const SampleShape imagenet{3, 224, 224};
  CHECK(count(*make("resnet18", imagenet, 1000)) == 11'689'512);
  CHECK(count(*make("resnet50", imagenet, 1000)) == 25'557'032);
  CHECK(count(*make("inception_v1", imagenet, 1000)) == 7'005'832);
  CHECK(count(*make("vgg19", imagenet, 1000)) == 143'667'240);
  CHECK(count(*make("mlp", {1, 28, 28}, 10)) == 784 * 200 + 200 + 200 * 200 + 200 + 200 * 10 + 10);
  dl::ModelSpec clicks;
  clicks.name = "wide_deep";
  clicks.categories = {1000, 30};
  CHECK(count(*make(clicks, {.ids = 2})) ==
        1030 * (1 + 16) + 32 * 200 + 200 + 200 * 200 + 200 + 200 + 1);
  dl::ModelSpec gpt2;
  gpt2.name = "transformer";
  gpt2.vocabulary = 50'257;
  gpt2.context = 1024;
  gpt2.width = 768;
  gpt2.layers = 12;
  gpt2.heads = 12;
  CHECK(count(*make(gpt2, {.ids = 1024, .labels = 1024})) == 124'439'808);
}

TEST_CASE("models learn from a tiny batch", "[models]") {
  const auto [name, side] = GENERATE(table<std::string, std::uint32_t>({{"mlp", 8},
                                                                        {"lenet", 16},
                                                                        {"lenet", 28},
                                                                        {"resnet18", 32},
                                                                        {"resnet50", 32},
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

TEST_CASE("a transformer scores each token from it and those before it", "[models]") {
  dl::ModelSpec spec;
  spec.name = "transformer";
  spec.vocabulary = 50;
  spec.context = 12;
  const auto model = make(spec, {.ids = 12, .labels = 12});
  model->eval();
  const torch::NoGradGuard no_grad;
  torch::manual_seed(3);
  const torch::Tensor ids = torch::randint(50, {2, 12}, torch::kInt64);
  const torch::Tensor scores = model->forward(ids);
  CHECK(scores.sizes() == torch::IntArrayRef({2, 12, 50}));
  torch::Tensor other = ids.clone();
  other.select(1, 8).add_(1).remainder_(50);
  const torch::Tensor changed = model->forward(other);
  CHECK(torch::equal(changed.slice(1, 0, 8), scores.slice(1, 0, 8)));
  CHECK_FALSE(torch::equal(changed.select(1, 8), scores.select(1, 8)));
  CHECK_FALSE(torch::allclose(changed.select(1, 11), scores.select(1, 11)));
}

TEST_CASE("wide & deep scores a click by every field", "[models]") {
  dl::ModelSpec spec;
  spec.name = "wide_deep";
  spec.categories = {10, 4, 3};
  const auto model = make(spec, {.ids = 3});
  torch::Tensor wide = model->named_parameters()["wide.weight"];
  const torch::NoGradGuard no_grad;
  const torch::Tensor ids = torch::tensor({{9, 3, 0}, {9, 3, 1}}, torch::kInt64);
  const torch::Tensor before = model->forward(ids);
  CHECK(before.sizes() == torch::IntArrayRef({2, 2}));
  CHECK(before.select(1, 0).eq(0).all().item<bool>());
  CHECK_FALSE(torch::equal(before[0], before[1]));  // They differ in the last field's embedding.
  wide.index_put_({10 + 4 + 1, 0}, 2.0);            // Of the last field's category 1.
  const torch::Tensor gain = model->forward(ids) - before;
  CHECK(gain[0][1].item<float>() == 0);
  CHECK(gain[1][1].item<float>() == Approx(2));
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
             Catch::Contains("at least 32 x 32, these samples are images of 28 x 28"));
  spec.name = "transformer";
  CHECK_THAT(make_model(spec, {1, 28, 28}, 1).error().message,
             Catch::Contains("reads 64 tokens (model.context), these samples are images of 28"));
  CHECK_THAT(make_model(spec, {.ids = 32, .labels = 32}, 1).error().message,
             Catch::Contains("these samples are 32 ids"));
  spec.name = "wide_deep";
  CHECK_THAT(make_model(spec, {.ids = 3}, 1).error().message,
             Catch::Contains("reads 8 fields (model.categories), these samples are 3 ids"));
  spec.name = "resnet50";
  CHECK_THAT(make_model(spec, {.ids = 3}, 1).error().message,
             Catch::Contains("needs images of at least 32 x 32, these samples are 3 ids"));
}
