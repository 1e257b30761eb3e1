// A task of role ps: a parameter server of a job whose strategy has some.

#pragma once

#include "cmd/worker/launch.h"

namespace dl::worker {

// Returns when all workers have finished, when `stop` says so, or with what ended it.
train::Outcome<void> serve_parameters(const Assignment& assignment, const std::atomic<bool>& stop);

}  // namespace dl::worker
