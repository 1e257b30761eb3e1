// Whose fault an attempt's end is, and whether it may try again.

#pragma once

#include <optional>
#include <string>

#include "daemon/coordinator/state.h"
#include "model/job_spec.h"

namespace dl::coordinator {

// What a task's exit says of its failure: kind, cause and next step in words. Absent when it
// succeeded.
std::optional<Failure> failure_of(const TaskId& id, const Task& task);

// The failure that the others followed from: the first one of a task's own that is no
// communication failure, else the first. Absent while no task has failed by itself; one that ends
// because it was told to has not.
//
// Peers of a dead rank often say that they cannot reach it before anybody says that it is dead: so
// the answer may change as long as tasks end.
std::optional<Failure> root_cause(const AttemptId& id, const Attempt& attempt,
                                  std::chrono::milliseconds grace);

// Whether the trial may be started again after a failure of this kind.
bool may_restart(const RestartSpec& restarts, const Trial& trial, FailureKind kind);

// The time before the next attempt: doubles with every failure up to a bound, and is spread by a
// fifth either way so that gangs that failed together do not come back together. `dice` is any
// random number.
Duration back_off(const RestartSpec& restarts, const Trial& trial, std::uint64_t dice);

}  // namespace dl::coordinator
