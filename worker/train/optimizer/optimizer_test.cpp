#include "worker/train/optimizer/optimizer.h"

#include <catch2/catch.hpp>
#include <cmath>

using dl::TrainSpec;
using namespace dl::worker::train;

namespace {

// Steps on f(x) = x² / 2 from 1, whose gradient is x; `update` is the textbook's formula.
template <class Update>
void check_against(const TrainSpec& spec, Update update) {
  torch::Tensor x = torch::ones({1});
  const auto optimizer = make_optimizer(spec, {{"x", x}});
  double expected = 1;
  for (std::uint64_t step = 0; step < 20; ++step) {
    const torch::Tensor gradient = x.clone();
    const double rate = 0.1 / static_cast<double>(step + 1);
    optimizer->step({gradient}, rate, step);
    expected = update(expected, rate, step);
    REQUIRE(x.item<float>() == Approx(expected).epsilon(1e-5));
  }
}

TrainSpec spec(std::string optimizer, double momentum = 0, double decay = 0) {
  TrainSpec spec;
  spec.optimizer = std::move(optimizer);
  spec.momentum = momentum;
  spec.weight_decay = decay;
  return spec;
}

}  // namespace

TEST_CASE("sgd follows its formula", "[optimizer]") {
  check_against(spec("sgd", 0, 0.2),
                [](double x, double rate, std::uint64_t) { return x - rate * (x + 0.2 * x); });
}

TEST_CASE("sgd with momentum follows its formula", "[optimizer]") {
  TrainSpec s = spec("sgd", 0.9, 0.1);
  s.nesterov = GENERATE(false, true);
  double v = 0;
  check_against(s, [&](double x, double rate, std::uint64_t) {
    const double g = x + 0.1 * x;
    v = 0.9 * v + g;
    return x - rate * (s.nesterov ? g + 0.9 * v : v);
  });
}

TEST_CASE("adam and adamw follow their formulas", "[optimizer]") {
  const bool decoupled = GENERATE(false, true);
  double m = 0;
  double v = 0;
  check_against(spec(decoupled ? "adamw" : "adam", 0, 0.1),
                [&](double x, double rate, std::uint64_t step) {
                  const double g = decoupled ? x : x + 0.1 * x;
                  m = 0.9 * m + 0.1 * g;
                  v = 0.999 * v + 0.001 * g * g;
                  const auto t = static_cast<double>(step + 1);
                  const double m_hat = m / (1 - std::pow(0.9, t));
                  const double v_hat = v / (1 - std::pow(0.999, t));
                  const double decayed = decoupled ? x * (1 - rate * 0.1) : x;
                  return decayed - rate * m_hat / (std::sqrt(v_hat) + 1e-8);
                });
}

TEST_CASE("an optimizer's state is all that it remembers", "[optimizer]") {
  const TrainSpec s = spec(GENERATE(as<std::string>(), "sgd", "adam", "adamw"), 0.9);
  torch::Tensor x = torch::ones({3});
  torch::Tensor y = torch::ones({3});
  const auto one = make_optimizer(s, {{"x", x}});
  for (std::uint64_t step = 0; step < 3; ++step) one->step({x.clone()}, 0.1, step);
  const auto other = make_optimizer(s, {{"x", y}});
  y.copy_(x);
  const auto from = one->state();
  const auto to = other->state();
  REQUIRE(from.size() == to.size());
  REQUIRE_FALSE(from.empty());
  for (std::size_t i = 0; i < from.size(); ++i) {
    CHECK(from[i].name == to[i].name);
    to[i].tensor.detach().copy_(from[i].tensor);
  }
  one->step({x.clone()}, 0.1, 3);
  other->step({y.clone()}, 0.1, 3);
  CHECK(torch::equal(x, y));
}

TEST_CASE("gradients are clipped by their global norm", "[optimizer]") {
  std::vector<torch::Tensor> gradients = {torch::tensor({3.0f, 0.0f}), torch::tensor({4.0f})};
  clip_gradients(gradients, 10);
  CHECK(gradients[0][0].item<float>() == 3.0f);
  clip_gradients(gradients, 1);
  CHECK(gradients[0][0].item<float>() == Approx(0.6));
  CHECK(gradients[1][0].item<float>() == Approx(0.8));
}
