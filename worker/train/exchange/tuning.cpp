#include "worker/train/exchange/tuning.h"

#include <algorithm>

#include "base/assert.h"

namespace dl::worker::train {
namespace {

// From few and large to many and small; beyond, each costs more than it hides.
constexpr std::array<std::uint32_t, 4> kBucketBytes = {64u << 20, 8u << 20, 2u << 20, 512u << 10};

}  // namespace

Tuning::Tuning(const TuningOptions& options) : options_(options) {
  if (options_.choose_bucket_bytes) {
    for (const std::uint32_t bytes : kBucketBytes) {
      const bool differs =
          std::min<std::uint64_t>(bytes, options_.gradient_bytes) !=
          std::min<std::uint64_t>(options_.setting.bucket_bytes, options_.gradient_bytes);
      if (differs) sizes_.push_back(bytes);
    }
  }
  if (options_.choose_compression) {
    // Taking turns, so that what slows the machine down for a while slows down both.
    const Setting plain = {options_.setting.bucket_bytes, false};
    planned_ = {plain, options_.setting, plain, options_.setting};
  } else if (options_.choose_bucket_bytes) {
    planned_ = {options_.setting};
  } else {
    chosen_ = options_.setting;
  }
}

Setting Tuning::setting(std::uint64_t step) const {
  if (step < options_.start_step) return {options_.setting.bucket_bytes, false};
  return chosen_ ? *chosen_ : planned_.front();
}

bool Tuning::record(std::uint64_t step, const StepTimes& times) {
  if (chosen_ || step < options_.start_step) return false;
  ++steps_;
  if (steps_ == kUncounted + 1 || (steps_ > kUncounted && times.step < best_.step)) best_ = times;
  return steps_ == kUncounted + kCounted;
}

void Tuning::decide(const StepTimes& sums) {
  DL_ASSERT(!planned_.empty(), "a trial was under way");
  done_.push_back({.setting = planned_.front(), .sums = sums});
  planned_.erase(planned_.begin());
  steps_ = 0;
  if (planned_.empty()) plan();
}

const Tuning::Trial& Tuning::best_trial() const {
  return *std::ranges::min_element(done_, {}, [](const Trial& trial) { return trial.sums.step; });
}

void Tuning::plan() {
  const Trial& best = best_trial();
  const double computing = best.sums.step - best.sums.exposed;
  const bool enough = best.sums.exposed <= options_.target_communication * computing;
  if (sizes_.empty() || enough) {
    chosen_ = best.setting;
    return;
  }
  planned_.push_back({.bucket_bytes = sizes_.front(), .compressed = best.setting.compressed});
  sizes_.erase(sizes_.begin());
}

}  // namespace dl::worker::train
