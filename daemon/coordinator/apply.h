// The only writer of State.

#pragma once

#include "daemon/coordinator/mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// Total: every mutation that decide() made on a state applies to that state. Asserts otherwise.
void apply(State& state, const Mutation& mutation);

// Makes state.index from the rest: after a snapshot was read. It is what apply() keeps up to date.
void rebuild_index(State& state);

// The job as it leaves the state.
Job ended_job(const Job& job, const JobEnded& end);

}  // namespace dl::coordinator
