#include "worker/train/non_finite.h"

#include <catch2/catch.hpp>

#include "worker/train/descent.h"

using namespace dl;
using namespace dl::worker::train;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Steps {
  explicit Steps(TrainSpec train_spec, Agreement agreement = {})
      : spec(std::move(train_spec)),
        parameters({{"first", torch::ones({2})}, {"second", torch::ones({3})}}),
        descent(spec, parameters, std::move(agreement)) {}

  // With a gradient of `value` in the second parameter.
  Outcome<void> take(float value) {
    const double step = number++;
    return descent.step({torch::ones({2}), torch::tensor({0.5f, value, 0.5f})},
                        {.step = static_cast<std::uint64_t>(step), .learning_rate = 0.25});
  }
  float first() const { return parameters[0].tensor[0].item<float>(); }

  TrainSpec spec;
  std::vector<NamedTensor> parameters;
  Descent descent;
  int number = 0;
};

TrainSpec plain_sgd(const std::string& non_finite) {
  TrainSpec spec;
  spec.momentum = 0;
  spec.non_finite = non_finite;
  return spec;
}

}  // namespace

TEST_CASE("the first gradient that is not finite is found wherever it stands", "[non_finite]") {
  const std::int64_t size = GENERATE(1, 7, 64, 1001);
  std::vector<torch::Tensor> gradients = {torch::full({size}, 3e38f), torch::full({size}, -1e-45f)};
  CHECK_FALSE(first_non_finite(gradients).has_value());
  for (const float bad : {kNaN, kInfinity, -kInfinity}) {
    for (const std::int64_t place : {std::int64_t{0}, size / 2, size - 1}) {
      gradients[1] = torch::zeros({size});
      gradients[1][place] = bad;
      CHECK(first_non_finite(gradients) == 1);
    }
  }
  gradients[1] = torch::tensor({{1.0f, kNaN}, {2.0f, 3.0f}}).slice(1, 0, 1);  // Strided past it.
  CHECK_FALSE(first_non_finite(gradients).has_value());
}

TEST_CASE("stop fails at the step and tensor, and changes nothing", "[non_finite]") {
  Steps steps(plain_sgd("stop"));
  REQUIRE(steps.take(1).has_value());
  CHECK(steps.first() == 0.75f);
  const auto failed = steps.take(kNaN);
  REQUIRE(failed.has_error());
  CHECK(failed.error().kind == FailureKind::kUserCode);
  CHECK_THAT(failed.error().message,
             Catch::Contains("step 2: the gradient of second is not finite") &&
                 Catch::Contains("learning rate 0.25") &&
                 Catch::Contains("train.non_finite: skip"));
  CHECK(steps.first() == 0.75f);
  CHECK(steps.descent.metrics().empty());
}

TEST_CASE("skip leaves steps out and counts them, and too many in a row fail", "[non_finite]") {
  Steps steps(plain_sgd("skip"));
  for (int i = 0; i < 10; ++i) REQUIRE(steps.take(kInfinity).has_value());
  CHECK(steps.first() == 1);
  REQUIRE(steps.take(1).has_value());
  CHECK(steps.first() == 0.75f);
  REQUIRE(steps.descent.metrics().size() == 1);
  CHECK(steps.descent.metrics()[0].value == 10);
  for (int i = 0; i < 10; ++i) REQUIRE(steps.take(kNaN).has_value());
  const auto failed = steps.take(kNaN);
  REQUIRE(failed.has_error());
  CHECK_THAT(failed.error().message, Catch::Contains("after 10 skipped steps in a row"));
}

TEST_CASE("what any rank found counts for all", "[non_finite]") {
  bool any = false;
  std::vector<bool> told;
  Steps steps(plain_sgd("skip"), {.any =
                                      [&](bool mine) {
                                        told.push_back(mine);
                                        return any;
                                      },
                                  .culprit = {}});
  any = true;
  REQUIRE(steps.take(1).has_value());
  CHECK(steps.first() == 1);
  any = false;
  REQUIRE(steps.take(1).has_value());
  CHECK(steps.first() == 0.75f);
  CHECK(told == std::vector<bool>{false, false});
}

TEST_CASE("with float16 the loss scale falls until gradients are finite, and rises again",
          "[non_finite]") {
  TrainSpec spec = plain_sgd("stop");
  spec.precision = "float16";
  Steps steps(spec);
  CHECK(steps.descent.loss_scale() == 65'536);
  REQUIRE(steps.take(kInfinity).has_value());
  CHECK(steps.descent.loss_scale() == 32'768);
  CHECK(steps.first() == 1);
  REQUIRE(steps.take(1).has_value());
  CHECK(steps.first() == 1 - 0.25f / 32'768);
  for (int i = 0; i < LossScale::kPatience - 2; ++i) REQUIRE(steps.take(1).has_value());
  CHECK(steps.descent.loss_scale() == 32'768);
  REQUIRE(steps.take(1).has_value());
  CHECK(steps.descent.loss_scale() == 65'536);
  CHECK(steps.descent.state().back().name == "optimizer.loss_scale");

  for (int i = 0; i < 32; ++i) REQUIRE(steps.take(kNaN).has_value());  // NaN at every scale.
  CHECK(steps.take(kNaN).has_error());
}
