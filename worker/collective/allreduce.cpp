#include "worker/collective/allreduce.h"

#include "worker/collective/allreduce_call.h"
#include "worker/collective/reduction/reduce.h"

namespace dl::worker::collective {

Result<void> check_allreduce(const Communicator& communicator, const AllreduceOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  return check_reduction("all-reduce", options.data.size(), options.type, options.op);
}

Call allreduce_call(Communicator& communicator, CallKind kind, const AllreduceOptions& options) {
  return {.kind = kind,
          .type = static_cast<std::uint8_t>(options.type),
          .op = static_cast<std::uint8_t>(options.op),
          .sequence = communicator.next_sequence(),
          .bytes = options.data.size(),
          .label = options.label};
}

Result<void> allreduce(Communicator& communicator, const AllreduceOptions& options) {
  return options.data.size() <= communicator.options().direct_bytes_max
             ? direct_allreduce(communicator, options)
             : ring_allreduce(communicator, options);
}

}  // namespace dl::worker::collective
