// What the all-reduce algorithms have in common before they start.

#pragma once

#include "worker/collective/allreduce.h"
#include "worker/collective/call.h"

namespace dl::worker::collective {

// The earlier failure of `communicator`, or kInvalidArgument.
Result<void> check_allreduce(const Communicator& communicator, const AllreduceOptions& options);

// Takes the next sequence number.
Call allreduce_call(Communicator& communicator, CallKind kind, const AllreduceOptions& options);

}  // namespace dl::worker::collective
