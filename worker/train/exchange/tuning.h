// Tuning finds out, in the first steps of a run, how its gradients travel best: compressed or not,
// and in buckets of which size. docs/adr/ has the reasons.
//
// It tries one setting after another, for some steps each, and compares the time of a step. Times
// differ from rank to rank, and all have to choose alike: at the end of each trial they add up what
// they measured, and every rank decides by the sums. What was chosen is part of the checkpoint, so
// that a run that is resumed goes on with it.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace dl::worker::train {

struct Setting {
  std::uint32_t bucket_bytes = 0;
  bool compressed = false;

  friend bool operator==(const Setting&, const Setting&) = default;
};

struct TuningOptions {
  // Without choices to make, the setting of every step.
  Setting setting;
  bool choose_compression = false;  // Whether `compressed` pays, or plain gradients are quicker.
  bool choose_bucket_bytes = false;
  // Nothing is compressed or tried before this step of the run.
  std::uint64_t start_step = 0;
  // Of all gradients: buckets need not be larger.
  std::uint64_t gradient_bytes = 0;
  // No other size is tried when a step waits no longer than this for communication, in relation to
  // the rest of it.
  double target_communication = 0.05;
};

// What a rank measured of a step, or the ranks together.
struct StepTimes {
  double step = 0;     // Seconds of computation and communication.
  double exposed = 0;  // … of them, how long computation was over and communication was not.
};

class Tuning {
 public:
  // Each trial is this long; the first steps of it are not counted, for memory is allocated then.
  static constexpr std::uint32_t kUncounted = 1;
  static constexpr std::uint32_t kCounted = 3;

  explicit Tuning(const TuningOptions& options);

  // For step number `step`; the same on all ranks.
  Setting setting(std::uint64_t step) const;
  // What was chosen, when all has been.
  const std::optional<Setting>& chosen() const { return chosen_; }
  void choose(const Setting& setting) { chosen_ = setting; }

  // After each step. True when a trial has ended: then all ranks add up their measured(), and give
  // the sums to decide().
  bool record(std::uint64_t step, const StepTimes& times);
  StepTimes measured() const { return best_; }
  void decide(const StepTimes& sums);

 private:
  struct Trial {
    Setting setting;
    StepTimes sums;
  };

  void plan();
  const Trial& best_trial() const;

  const TuningOptions options_;
  std::optional<Setting> chosen_;
  std::vector<Trial> done_;
  std::vector<Setting> planned_;      // The first is under way; the others come after it.
  std::vector<std::uint32_t> sizes_;  // Bucket sizes still to be tried.
  std::uint32_t steps_ = 0;           // Of the trial under way.
  StepTimes best_;                    // … the quickest of those that count.
};

}  // namespace dl::worker::train
