#include "worker/collective/allreduce.h"

#include <algorithm>

#include "worker/collective/allreduce_call.h"
#include "worker/collective/crossover.h"
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
  const std::size_t bytes = options.data.size();
  const Topology& topology = communicator.topology();
  if (topology.one_host()) {
    const std::size_t flat_bytes =
        std::min(flat_bytes_max(communicator), flat_bytes_worthwhile(communicator.world_size()));
    return bytes <= flat_bytes ? flat_allreduce(communicator, options)
                               : staged_allreduce(communicator, options);
  }
  if (bytes <= communicator.options().direct_bytes_max) {
    return direct_allreduce(communicator, options);
  }
  if (topology.some_share()) return hierarchical_allreduce(communicator, options);
  const std::size_t two_shot_bytes =
      two_shot_bytes_worthwhile(communicator.mesh().near(), communicator.world_size());
  return bytes <= two_shot_bytes ? two_shot_allreduce(communicator, options)
                                 : ring_allreduce(communicator, options);
}

}  // namespace dl::worker::collective
