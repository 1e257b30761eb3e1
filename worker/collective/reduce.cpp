#include "worker/collective/reduce.h"

#include <algorithm>

#include "worker/collective/exchange.h"
#include "worker/collective/reduction/reduce.h"
#include "worker/collective/relay.h"
#include "worker/collective/ring/partial_sums.h"

namespace dl::worker::collective {
namespace {

using transport::Bytes;
using transport::ConstBytes;

// The first of the chain sends what it has; the others add what they have to what comes, and the
// last, the root, keeps it.
class ChainPlan {
 public:
  ChainPlan(Communicator& communicator, const ReduceOptions& options)
      : options_(options),
        world_(communicator.world_size()),
        segment_bytes_(communicator.options().segment_bytes),
        first_(communicator.previous() == options.root),
        last_(communicator.rank() == options.root),
        sums_(communicator.scratch(2 * segment_bytes_)) {}

  std::size_t out_bytes() const { return last_ ? 0 : options_.data.size(); }
  std::size_t in_bytes() const { return first_ ? 0 : options_.data.size(); }
  std::size_t sendable() const { return first_ ? options_.data.size() : reduced_; }
  ConstBytes out() const { return first_ ? options_.data.subspan(sent_) : sums_.front(); }
  Bytes in() const { return segment().subspan(filled_); }

  void sent(std::size_t n) {
    sent_ += n;
    if (!first_) sums_.pop(n);
  }

  void received(std::size_t n) {
    filled_ += n;
    const Bytes came = segment();
    if (filled_ < came.size()) return;
    filled_ = 0;
    const Bytes own = options_.data.subspan(reduced_, came.size());
    if (last_) {
      reduce_into(options_.type, options_.op, own, came);
      if (options_.op == ReduceOp::kAverage) finish_average(options_.type, own, world_);
    } else {
      reduce_into(options_.type, options_.op, came, own);
      sums_.push(came.size());
    }
    reduced_ += came.size();
  }

 private:
  Bytes segment() const {
    return sums_.room(std::min(options_.data.size() - reduced_, segment_bytes_));
  }

  const ReduceOptions& options_;
  const std::uint32_t world_;
  const std::size_t segment_bytes_;
  const bool first_;
  const bool last_;
  PartialSums sums_;
  std::size_t filled_ = 0;   // Of the segment being received.
  std::size_t reduced_ = 0;  // Of the incoming stream.
  std::size_t sent_ = 0;
};

Result<void> along_ring(Communicator& communicator, const Call& call,
                        const ReduceOptions& options) {
  ChainPlan plan(communicator, options);
  Neighbours neighbours;
  if (plan.out_bytes() > 0) neighbours.to = communicator.next();
  if (plan.in_bytes() > 0) neighbours.from = communicator.previous();
  return Relay(communicator, call, neighbours, plan).run();
}

Result<void> directly(Communicator& communicator, const Call& call, const ReduceOptions& options) {
  Exchange exchange(communicator, call);
  if (communicator.rank() != options.root) {
    exchange.send(options.root, options.data);
    return exchange.run();
  }
  const std::size_t bytes = options.data.size();
  const Bytes all = communicator.scratch(communicator.world_size() * bytes);
  for (std::uint32_t peer = 0; peer < communicator.world_size(); ++peer) {
    if (peer != options.root) exchange.receive(peer, all.subspan(peer * bytes, bytes));
  }
  DL_CHECK(exchange.run());
  std::copy(options.data.begin(), options.data.end(), all.begin() + options.root * bytes);
  reduce_parts(options.type, options.op, all, options.data);
  return {};
}

}  // namespace

Result<void> reduce(Communicator& communicator, const ReduceOptions& options) {
  if (communicator.failure()) return *communicator.failure();
  DL_CHECK(check_reduction("reduce", options.data.size(), options.type, options.op));
  DL_CHECK(check_root("reduce to", communicator, options.root));
  const bool small = options.data.size() <= communicator.options().direct_bytes_max;
  const Call call = {.kind = small ? CallKind::kDirectReduce : CallKind::kChainReduce,
                     .type = static_cast<std::uint8_t>(options.type),
                     .op = static_cast<std::uint8_t>(options.op),
                     .part = options.root,
                     .sequence = communicator.next_sequence(),
                     .bytes = options.data.size(),
                     .label = options.label};
  if (communicator.world_size() == 1 || options.data.empty()) return {};
  return communicator.settle(call, small ? directly(communicator, call, options)
                                         : along_ring(communicator, call, options));
}

}  // namespace dl::worker::collective
