#include "worker/train/optimizer/schedule.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <numbers>

using dl::TrainSpec;
using dl::worker::train::Schedule;

namespace {

TrainSpec spec(std::string name, double final_fraction = 0, double warmup = 0) {
  TrainSpec spec;
  spec.learning_rate = 0.4;
  spec.schedule.name = std::move(name);
  spec.schedule.final_fraction = final_fraction;
  spec.schedule.warmup_epochs = warmup;
  return spec;
}

}  // namespace

TEST_CASE("constant stays", "[schedule]") {
  const Schedule schedule(spec("constant"), 10, 100);
  for (const std::uint64_t step : {0, 1, 50, 99}) CHECK(schedule.learning_rate(step) == 0.4);
}

TEST_CASE("step falls by gamma every so many epochs", "[schedule]") {
  TrainSpec s = spec("step");
  s.schedule.step_epochs = 3;
  s.schedule.gamma = 0.5;
  const Schedule schedule(s, 10, 100);
  CHECK(schedule.learning_rate(0) == 0.4);
  CHECK(schedule.learning_rate(29) == 0.4);
  CHECK(schedule.learning_rate(30) == Approx(0.2));
  CHECK(schedule.learning_rate(59) == Approx(0.2));
  CHECK(schedule.learning_rate(60) == Approx(0.1));
}

TEST_CASE("linear falls evenly to its final fraction", "[schedule]") {
  const Schedule schedule(spec("linear", 0.2), 10, 100);
  for (std::uint64_t step = 0; step < 100; ++step) {
    CHECK(schedule.learning_rate(step) ==
          Approx(0.4 * (1 - static_cast<double>(step) / 100 * 0.8)));
  }
}

TEST_CASE("cosine falls along half a wave to its final fraction", "[schedule]") {
  const Schedule schedule(spec("cosine", 0.1), 10, 100);
  for (std::uint64_t step = 0; step < 100; ++step) {
    const double wave = (1 + std::cos(std::numbers::pi * static_cast<double>(step) / 100)) / 2;
    CHECK(schedule.learning_rate(step) == Approx(0.4 * (0.1 + 0.9 * wave)));
  }
  CHECK(schedule.learning_rate(50) == Approx(0.4 * 0.55));
}

TEST_CASE("warm-up rises linearly and the schedule follows it", "[schedule]") {
  const Schedule schedule(spec("cosine", 0, 2.5), 10, 100);
  for (std::uint64_t step = 0; step < 25; ++step) {
    CHECK(schedule.learning_rate(step) == Approx(0.4 * static_cast<double>(step + 1) / 25));
  }
  CHECK(schedule.learning_rate(25) == Approx(0.4));
  const double wave = (1 + std::cos(std::numbers::pi * 30 / 75)) / 2;
  CHECK(schedule.learning_rate(55) == Approx(0.4 * wave));
}

TEST_CASE("a run no longer than its warm-up has a rate at every step", "[schedule]") {
  const Schedule schedule(spec("linear", 0, 10), 10, 50);
  for (std::uint64_t step = 0; step < 50; ++step) {
    CHECK(schedule.learning_rate(step) == Approx(0.4 * static_cast<double>(step + 1) / 100));
  }
}
