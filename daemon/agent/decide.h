// The agent's core: what an event means for one machine. Pure.
//
// It has no journal, so deciding and applying are one: the new state is handed back.

#pragma once

#include <optional>
#include <vector>

#include "daemon/agent/effect.h"
#include "daemon/agent/event.h"
#include "daemon/agent/state.h"

namespace dl::agent {

// Brings `state` up to date with `event` and returns what the shell has to do about it.
std::vector<Effect> decide(State& state, const Settings& settings, const Event& event,
                           Timestamp now);

// When a Tick is due next: a heartbeat, the end of a grace time.
std::optional<Timestamp> next_deadline(const State& state);

}  // namespace dl::agent
