// The only writer of State.

#pragma once

#include "daemon/coordinator/mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// Total: every mutation that decide() made on a state applies to that state. Asserts otherwise.
void apply(State& state, const Mutation& mutation);

}  // namespace dl::coordinator
