// Trial is what a search remembers of one trial: what it tries and what came of it.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/search_space.h"

namespace dl::scheduler {

using TrialNumber = std::uint32_t;  // From 1, in order of start.

// The objectives as a trial reported them after so much of halving.resource, in the order and with
// the sign of SearchSpec::objectives.
struct Measurement {
  std::uint64_t resource = 0;
  std::vector<double> values;

  friend bool operator==(const Measurement&, const Measurement&) = default;
};

enum class TrialState : std::uint8_t {
  kRunning,
  kPaused,   // Told to wait with its checkpoint; may be resumed.
  kEnded,    // Ran to its end.
  kStopped,  // Told to stop before its end.
  kFailed,   // Gave nothing that can be judged: it counts towards no limit but that of failures.
};

struct Trial {
  TrialNumber number = 0;
  TrialState state = TrialState::kRunning;
  Assignment assignment;
  TrialNumber from = 0;              // Began with the checkpoint of this trial; 0: from nothing.
  std::vector<Measurement> reports;  // By rising resource.
  std::string why;                   // Of the verdict that paused or stopped it, a sentence.

  // Nothing more comes of it.
  bool is_over() const { return state >= TrialState::kEnded; }
};

}  // namespace dl::scheduler
