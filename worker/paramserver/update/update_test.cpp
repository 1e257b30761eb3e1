#include "worker/paramserver/update/update.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace dl::worker::paramserver {
namespace {

std::vector<float> noise(std::size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random() % 20001) / 10000.0f - 1.0f;
  return values;
}

TEST_CASE("the loops for AVX2 give the bits of the plain ones", "[paramserver]") {
  if (!__builtin_cpu_supports("avx2")) return;
  const StepConstants constants{.factor = 0.25f,
                                .learning_rate = 0.1f,
                                .momentum = 0.9f,
                                .beta1 = 0.9f,
                                .beta2 = 0.999f,
                                .epsilon = 1e-8f,
                                .weight_decay = 0.01f,
                                .step_size = 0.3f,
                                .root_factor = 1.7f};
  const StepFn UpdateTable::*const steps[] = {
      &UpdateTable::add,     &UpdateTable::sgd,  &UpdateTable::momentum, &UpdateTable::nesterov,
      &UpdateTable::adagrad, &UpdateTable::adam, &UpdateTable::adamw};
  const std::size_t count = 1013;
  for (const auto step : steps) {
    std::vector<std::vector<float>> results;
    for (const UpdateTable* table : {&baseline_updates(), &avx2_updates()}) {
      auto values = noise(count, 1), first = noise(count, 2), second = noise(count, 3);
      for (float& one : first) one = std::fabs(one);
      for (float& one : second) one = std::fabs(one);
      const auto push = noise(count, 4);
      (table->*step)(values.data(), first.data(), second.data(), push.data(), count, constants);
      values.insert(values.end(), first.begin(), first.end());
      values.insert(values.end(), second.begin(), second.end());
      results.push_back(std::move(values));
    }
    CHECK(std::memcmp(results[0].data(), results[1].data(), 4 * results[0].size()) == 0);
  }
}

// Three steps of each rule on one value, in float64 from the papers' formulas.
TEST_CASE("rules take the steps of their papers", "[paramserver]") {
  const double gradients[] = {0.5, -0.25, 2.0};
  const auto run = [&](const UpdateOptions& options) {
    float w = 1, first = 0, second = 0;
    for (int t = 1; t <= 3; ++t) {
      const float g = static_cast<float>(gradients[t - 1]);
      Update::gradient(options, 1, 0.1f, static_cast<std::uint64_t>(t))
          .run(&w, &first, &second, {&g, 1});
    }
    return double{w};
  };
  CHECK(run({}) == Approx(1 - 0.1 * 2.25));

  double w = 1, m = 0;
  for (const double g : gradients) {
    m = 0.9 * m + g + 0.01 * w;
    w -= 0.1 * m;
  }
  CHECK(run({.momentum = 0.9f, .weight_decay = 0.01f}) == Approx(w));
  w = 1, m = 0;
  for (const double g : gradients) {
    m = 0.9 * m + g;
    w -= 0.1 * (g + 0.9 * m);
  }
  CHECK(run({.momentum = 0.9f, .nesterov = true}) == Approx(w));
  double sum = 0;
  w = 1;
  for (const double g : gradients) {
    sum += g * g;
    w -= 0.1 * g / (std::sqrt(sum) + 1e-8);
  }
  CHECK(run({.rule = Rule::kAdagrad}) == Approx(w));

  for (const bool decoupled : {false, true}) {
    double v = 0;
    w = 1, m = 0;
    for (int t = 1; t <= 3; ++t) {
      const double g = gradients[t - 1] + (decoupled ? 0 : 0.1 * w);
      if (decoupled) w -= 0.1 * 0.1 * w;
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      w -= 0.1 * (m / (1 - std::pow(0.9, t))) / (std::sqrt(v / (1 - std::pow(0.999, t))) + 1e-8);
    }
    CHECK(run({.rule = decoupled ? Rule::kAdamW : Rule::kAdam, .weight_decay = 0.1f}) ==
          Approx(w).epsilon(1e-5));
  }
}

TEST_CASE("a delta is multiplied and added", "[paramserver]") {
  std::vector<float> values = {1, 2};
  const std::vector<float> delta = {4, -8};
  Update::delta(0.25f).run(values.data(), nullptr, nullptr, delta);
  CHECK(values == std::vector<float>{2, 0});
  add(values.data(), delta);
  CHECK(values == std::vector<float>{6, -8});
}

TEST_CASE("the first value that is not finite is found", "[paramserver]") {
  auto values = noise(10'000, 5);
  CHECK(find_not_finite(values) == std::nullopt);
  values[9'000] = std::numeric_limits<float>::quiet_NaN();
  CHECK(find_not_finite(values) == 9'000);
  values[4'097] = -std::numeric_limits<float>::infinity();
  CHECK(find_not_finite(values) == 4'097);
}

}  // namespace
}  // namespace dl::worker::paramserver
