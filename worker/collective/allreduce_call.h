// What the all-reduce algorithms have in common before they start.

#pragma once

#include "worker/collective/allreduce.h"
#include "worker/collective/call.h"

namespace dl::worker::collective {

// The earlier failure of `communicator`, or kInvalidArgument.
Result<void> check_allreduce(const Communicator& communicator, const AllreduceOptions& options);

// Takes the next sequence number.
Call allreduce_call(Communicator& communicator, CallKind kind, const AllreduceOptions& options);

// Some ranks in a ring, as this one sees it.
struct Ring {
  std::uint32_t place = 0;
  std::uint32_t size = 1;  // At least 2.
  transport::Rank next = 0;
  transport::Rank previous = 0;
};

// The ring all-reduce among those, as a part of `call`.
Result<void> reduce_around(Communicator& communicator, const Call& call, const Ring& ring,
                           const AllreduceOptions& options);

}  // namespace dl::worker::collective
