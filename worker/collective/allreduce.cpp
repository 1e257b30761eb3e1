#include "worker/collective/allreduce.h"

#include "worker/collective/allreduce_call.h"

namespace dl::worker::collective {

Result<void> check_allreduce(const Communicator& communicator, const AllreduceOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  if (options.data.size() % size_of(options.type) != 0) {
    return invalid_argument("all-reduce of " + std::to_string(options.data.size()) +
                            " bytes, which is no whole number of " +
                            std::string(to_string(options.type)));
  }
  if (options.op == ReduceOp::kAverage && !is_floating(options.type)) {
    return invalid_argument("an average of " + std::string(to_string(options.type)) +
                            " is not an integer; reduce by sum, or use a floating-point type");
  }
  return {};
}

Call allreduce_call(Communicator& communicator, CallKind kind, const AllreduceOptions& options) {
  return {.kind = kind,
          .type = static_cast<std::uint8_t>(options.type),
          .op = static_cast<std::uint8_t>(options.op),
          .sequence = communicator.next_sequence(),
          .bytes = options.data.size()};
}

Result<void> allreduce(Communicator& communicator, const AllreduceOptions& options) {
  return options.data.size() <= communicator.options().direct_bytes_max
             ? direct_allreduce(communicator, options)
             : ring_allreduce(communicator, options);
}

}  // namespace dl::worker::collective
