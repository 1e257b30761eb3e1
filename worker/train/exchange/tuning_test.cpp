#include "worker/train/exchange/tuning.h"

#include <catch2/catch.hpp>
#include <functional>
#include <map>

namespace dl::worker::train {
namespace {

constexpr std::uint32_t kMiB = 1u << 20;

// Runs steps until the tuning has chosen; `times` is what a step of a setting takes. Returns the
// step after which it had chosen.
std::uint64_t run(Tuning& tuning, const std::function<StepTimes(const Setting&)>& times) {
  for (std::uint64_t step = 0; step < 200; ++step) {
    if (tuning.chosen()) return step;
    if (tuning.record(step, times(tuning.setting(step)))) tuning.decide(tuning.measured());
  }
  FAIL("it never chooses");
  return 0;
}

TuningOptions options() {
  return {.setting = {.bucket_bytes = 25 * kMiB, .compressed = true}, .gradient_bytes = 100 * kMiB};
}

TEST_CASE("with nothing to choose, the setting holds from the first step", "[exchange]") {
  const Tuning tuning(options());
  CHECK(tuning.chosen() == options().setting);
  CHECK(tuning.setting(0) == options().setting);
}

TEST_CASE("compression stays where it is quicker and goes where it is slower", "[exchange]") {
  const bool pays = GENERATE(true, false);
  TuningOptions choosing = options();
  choosing.choose_compression = true;
  Tuning tuning(choosing);
  const std::uint64_t steps = run(tuning, [&](const Setting& setting) {
    return StepTimes{.step = setting.compressed == pays ? 0.9 : 1.0, .exposed = 0.5};
  });
  CHECK(tuning.chosen() == Setting{25 * kMiB, pays});
  CHECK(steps == 4 * (Tuning::kUncounted + Tuning::kCounted));
}

TEST_CASE("neither the first step of a trial nor one slow step decides", "[exchange]") {
  TuningOptions choosing = options();
  choosing.choose_compression = true;
  Tuning tuning(choosing);
  int step_of_trial = 0;
  run(tuning, [&](const Setting& setting) {
    const int at = step_of_trial++ % 4;
    if (setting.compressed && (at == 0 || at == 2)) return StepTimes{.step = 50, .exposed = 0};
    return StepTimes{.step = setting.compressed ? 0.9 : 1.0, .exposed = 0};
  });
  CHECK(tuning.chosen()->compressed);
}

TEST_CASE("nothing is compressed or tried before the start step", "[exchange]") {
  TuningOptions late = options();
  late.choose_compression = true;
  late.start_step = 7;
  Tuning tuning(late);
  for (std::uint64_t step = 0; step < 7; ++step) {
    CHECK_FALSE(tuning.setting(step).compressed);
    CHECK_FALSE(tuning.record(step, {.step = 1, .exposed = 0}));
  }
  std::map<bool, int> steps;
  for (std::uint64_t step = 7; !tuning.chosen(); ++step) {
    ++steps[tuning.setting(step).compressed];
    if (tuning.record(step, {.step = 1, .exposed = 0})) tuning.decide(tuning.measured());
  }
  CHECK(steps[true] == steps[false]);
}

TEST_CASE("the size of buckets with the quickest steps is chosen", "[exchange]") {
  TuningOptions choosing = options();
  choosing.choose_bucket_bytes = true;
  choosing.setting.compressed = false;
  Tuning tuning(choosing);
  std::map<std::uint32_t, int> tried;
  run(tuning, [&](const Setting& setting) {
    ++tried[setting.bucket_bytes];
    const double exposed = setting.bucket_bytes == 2 * kMiB ? 0.2 : 0.3;
    return StepTimes{.step = 1 + exposed, .exposed = exposed};
  });
  CHECK(tuning.chosen() == Setting{2 * kMiB, false});
  CHECK(tried.size() == 5);
}

TEST_CASE("the search for a size ends at the target", "[exchange]") {
  TuningOptions choosing = options();
  choosing.choose_bucket_bytes = true;
  Tuning tuning(choosing);
  std::map<std::uint32_t, int> tried;
  run(tuning, [&](const Setting& setting) {
    ++tried[setting.bucket_bytes];
    const double exposed = setting.bucket_bytes == 8 * kMiB ? 0.04 : 0.2;
    return StepTimes{.step = 1 + exposed, .exposed = exposed};
  });
  CHECK(tuning.chosen()->bucket_bytes == 8 * kMiB);
  CHECK(tried.size() == 3);  // 25, 64 and 8 MiB.
}

TEST_CASE("sizes that would put everything into one bucket are one size", "[exchange]") {
  TuningOptions small = options();
  small.choose_bucket_bytes = true;
  small.gradient_bytes = 1 * kMiB;
  Tuning tuning(small);
  std::map<std::uint32_t, int> tried;
  run(tuning, [&](const Setting& setting) {
    ++tried[setting.bucket_bytes];
    return StepTimes{.step = 1, .exposed = 0.2};
  });
  CHECK(tried.size() == 2);  // All in one, and 512 KiB.
}

TEST_CASE("both are chosen, compression first", "[exchange]") {
  TuningOptions choosing = options();
  choosing.choose_compression = true;
  choosing.choose_bucket_bytes = true;
  Tuning tuning(choosing);
  run(tuning, [&](const Setting& setting) {
    const double exposed =
        (setting.compressed ? 0.2 : 0.5) + (setting.bucket_bytes == 64 * kMiB ? 0 : 0.1);
    return StepTimes{.step = 1 + exposed, .exposed = exposed};
  });
  CHECK(tuning.chosen() == Setting{64 * kMiB, true});
}

}  // namespace
}  // namespace dl::worker::train
