// Why a job is in the state it is in: what `dlctl explain` and the WHY column of `dlctl status`
// show. Pure; asks placement "what if" on the state as it is.

#pragma once

#include <string>
#include <vector>

#include "daemon/coordinator/state.h"

namespace dl::coordinator {

struct Explanation {
  std::string reason;                 // The dominant one, one sentence without a full stop.
  std::vector<std::string> evidence;  // "node gpu-07: 1 of 8 GPUs free"
  std::string next_step;              // What the reader can do; empty when there is nothing to do.

  friend bool operator==(const Explanation&, const Explanation&) = default;
};

// `job` is a live one of `state`, or one that has ended and comes from the database.
Explanation explain(const State& state, const Settings& settings, const Job& job, Timestamp now);

// The reason alone. Empty when there is nothing to wonder about: the job runs or has succeeded.
std::string why(const State& state, const Settings& settings, const Job& job, Timestamp now);

}  // namespace dl::coordinator
