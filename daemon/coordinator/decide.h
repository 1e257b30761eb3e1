// The coordinator's core: what an event means, given the state. Pure.
//
// The same code runs in production and in tests/sim; whoever holds a State, the events and their
// times can replay every decision.

#pragma once

#include <optional>
#include <vector>

#include "daemon/coordinator/effect.h"
#include "daemon/coordinator/event.h"
#include "daemon/coordinator/mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::coordinator {

struct Decision {
  std::vector<Mutation> mutations;  // Journaled, then applied, before any effect runs.
  std::vector<Effect> effects;
};

// Never fails: an event that is wrong, late or doubled has an empty decision or an error Reply.
Decision decide(const State& state, const Settings& settings, const Event& event, Timestamp now);

// When a Tick is due next: a node to give up, a back-off to end. Absent when nothing waits for time.
std::optional<Timestamp> next_deadline(const State& state, const Settings& settings);

}  // namespace dl::coordinator
