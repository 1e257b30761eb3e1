#include "worker/collective/call.h"

#include "worker/transport/little_endian.h"

namespace dl::worker::collective {
namespace {

using transport::get_little_endian;
using transport::put_little_endian;

// "sum of 100 float32".
std::string reduction(const Call& call) {
  const auto type = static_cast<DataType>(call.type);
  const std::size_t element = size_of(type);
  return std::string(to_string(static_cast<ReduceOp>(call.op))) + " of " +
         std::to_string(element == 0 ? 0 : call.bytes / element) + " " +
         std::string(to_string(type));
}

const char* name_of(CallKind kind) {
  switch (kind) {
    case CallKind::kRingAllreduce:
    case CallKind::kDirectAllreduce:
    case CallKind::kFlatAllreduce:
    case CallKind::kStagedAllreduce:
    case CallKind::kHierarchicalAllreduce:
    case CallKind::kTwoShotAllreduce: return "all-reduce";
    case CallKind::kBroadcast: return "broadcast";
    case CallKind::kAllGather: return "all-gather";
    case CallKind::kBarrier: return "barrier";
    case CallKind::kRingReduceScatter:
    case CallKind::kDirectReduceScatter: return "reduce-scatter";
    case CallKind::kChainReduce:
    case CallKind::kDirectReduce: return "reduce";
    case CallKind::kGather: return "gather";
    case CallKind::kScatter: return "scatter";
    case CallKind::kAllToAll: return "all-to-all";
    case CallKind::kSendReceive: return "message";
  }
  return "an unknown collective";
}

std::string details(const Call& call) {
  const std::string bytes = std::to_string(call.bytes) + " bytes";
  const std::string part = std::to_string(call.part);
  switch (call.kind) {
    case CallKind::kRingAllreduce: return "ring, " + reduction(call);
    case CallKind::kDirectAllreduce: return "direct, " + reduction(call);
    case CallKind::kFlatAllreduce: return "flat, " + reduction(call);
    case CallKind::kStagedAllreduce: return "staged, " + reduction(call);
    case CallKind::kHierarchicalAllreduce: return "hierarchical, " + reduction(call);
    case CallKind::kTwoShotAllreduce: return "two-shot, " + reduction(call);
    case CallKind::kRingReduceScatter: return "ring, " + reduction(call) + " a rank";
    case CallKind::kDirectReduceScatter: return "direct, " + reduction(call) + " a rank";
    case CallKind::kChainReduce: return "chain, " + reduction(call) + " to rank " + part;
    case CallKind::kDirectReduce: return "direct, " + reduction(call) + " to rank " + part;
    case CallKind::kBroadcast:
    case CallKind::kScatter: return bytes + " from rank " + part;
    case CallKind::kGather: return bytes + " to rank " + part;
    case CallKind::kAllGather: return bytes + " a rank";
    case CallKind::kAllToAll: return bytes + " for this pair";
    case CallKind::kSendReceive: return bytes + ", tag " + part;
    case CallKind::kBarrier: break;
  }
  return {};
}

}  // namespace

EncodedCall encode_call(const Call& call) {
  EncodedCall encoded{};
  encoded[0] = static_cast<std::byte>(call.kind);
  encoded[1] = static_cast<std::byte>(call.type);
  encoded[2] = static_cast<std::byte>(call.op);
  put_little_endian(encoded.data() + 4, call.part);
  put_little_endian(encoded.data() + 8, call.sequence);
  put_little_endian(encoded.data() + 16, call.bytes);
  return encoded;
}

Call decode_call(const EncodedCall& encoded) {
  return {.kind = static_cast<CallKind>(encoded[0]),
          .type = std::to_integer<std::uint8_t>(encoded[1]),
          .op = std::to_integer<std::uint8_t>(encoded[2]),
          .part = get_little_endian<std::uint32_t>(encoded.data() + 4),
          .sequence = get_little_endian<std::uint64_t>(encoded.data() + 8),
          .bytes = get_little_endian<std::uint64_t>(encoded.data() + 16)};
}

bool same_call(const Call& a, const Call& b) { return encode_call(a) == encode_call(b); }

std::string to_string(const Call& call) {
  std::string in_brackets = details(call);
  if (!call.label.empty()) {
    in_brackets += (in_brackets.empty() ? "" : "; ") + std::string(call.label);
  }
  return std::string(name_of(call.kind)) + " " + std::to_string(call.sequence) +
         (in_brackets.empty() ? "" : " (" + in_brackets + ")");
}

Result<void> check_call(const transport::Mesh& mesh, transport::Rank peer, const Call& theirs,
                        const Call& ours) {
  if (same_call(theirs, ours)) return {};
  return Error{Code::kFailedPrecondition,
               mesh.describe(peer) + " is in " + to_string(theirs) + ", this rank in " +
                   to_string(ours) +
                   "; all ranks must make the same calls in the same order, with the same sizes"};
}

}  // namespace dl::worker::collective
