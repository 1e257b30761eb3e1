// Barrier: no rank leaves before all have come.

#pragma once

#include "base/result.h"
#include "worker/collective/communicator.h"

namespace dl::worker::collective {

// By dissemination, in ⌈log₂ P⌉ steps. Errors as for allreduce.
Result<void> barrier(Communicator& communicator);

}  // namespace dl::worker::collective
