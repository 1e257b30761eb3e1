// The vector is cut into slices, as many as the host with the fewest ranks has. On every host rank
// number s of it owns slice s: it sums that of its host, then goes round a ring with the owners of
// slice s on the other hosts, then hands it out on its own. So all links between hosts are busy at
// once, and each byte crosses them as seldom as it can.

#include "worker/collective/allreduce.h"
#include "worker/collective/allreduce_call.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/shared/staged.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::Rank;

class Hierarchy {
 public:
  Hierarchy(Communicator& communicator, const Call& call, const AllreduceOptions& options)
      : communicator_(communicator),
        topology_(communicator.topology()),
        call_(call),
        options_(options),
        cut_({.bytes = options.data.size(),
              .element_bytes = size_of(options.type),
              .world_size = topology_.ranks_min(),
              .chunk_bytes = options.data.size()}) {}

  Result<void> run() {
    if (topology_.local().size() == 1) return across_hosts();
    BoardCall board(communicator_, call_);
    DL_CHECK(on_this_host(board, {.reduce = true, .gather = false}));
    DL_CHECK(across_hosts());
    return on_this_host(board, {.reduce = false, .gather = true});
  }

 private:
  struct Phase {
    bool reduce;
    bool gather;
  };

  Result<void> on_this_host(BoardCall& board, Phase phase) {
    const StagedOptions staged = {.data = options_.data,
                                  .type = options_.type,
                                  .op = options_.op,
                                  .members = topology_.local(),
                                  .cut = cut_,
                                  .reduce = phase.reduce,
                                  .gather = phase.gather};
    return Staged(communicator_, board, staged).run();
  }

  Result<void> across_hosts() {
    const std::uint32_t slice = topology_.place();
    if (slice >= cut_.world_size()) return {};
    const Extent extent = cut_.chunk(0, slice);
    if (extent.size == 0) return {};
    AllreduceOptions part = options_;
    part.data = options_.data.subspan(extent.offset, extent.size);
    if (options_.op == ReduceOp::kAverage) part.op = ReduceOp::kSum;
    const auto hosts = static_cast<std::uint32_t>(topology_.hosts().size());
    const std::uint32_t host = topology_.host();
    const Ring ring = {.place = host,
                       .size = hosts,
                       .next = topology_.hosts()[(host + 1) % hosts][slice],
                       .previous = topology_.hosts()[(host + hosts - 1) % hosts][slice]};
    DL_CHECK(reduce_around(communicator_, call_, ring, part));
    if (options_.op == ReduceOp::kAverage) {
      finish_average(options_.type, part.data, communicator_.world_size());
    }
    return {};
  }

  Communicator& communicator_;
  const Topology& topology_;
  const Call& call_;
  const AllreduceOptions& options_;
  const RingCut cut_;
};

}  // namespace

Result<void> hierarchical_allreduce(Communicator& communicator, const AllreduceOptions& options) {
  DL_CHECK(check_allreduce(communicator, options));
  const Call call = allreduce_call(communicator, CallKind::kHierarchicalAllreduce, options);
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  return communicator.settle(call, Hierarchy(communicator, call, options).run());
}

}  // namespace dl::worker::collective
