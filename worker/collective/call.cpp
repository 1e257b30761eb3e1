#include "worker/collective/call.h"

namespace dl::worker::collective {
namespace {

template <class T>
void put(std::byte* at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<std::byte>(value >> (8 * i));
}

template <class T>
T get(const std::byte* at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | std::to_integer<T>(at[i]) << (8 * i));
  }
  return value;
}

std::string reduction(const Call& call, const char* algorithm) {
  const auto type = static_cast<DataType>(call.type);
  const std::size_t element = size_of(type);
  return "all-reduce " + std::to_string(call.sequence) + " (" + algorithm + ", " +
         std::string(to_string(static_cast<ReduceOp>(call.op))) + " of " +
         std::to_string(element == 0 ? 0 : call.bytes / element) + " " +
         std::string(to_string(type)) + ")";
}

}  // namespace

EncodedCall encode_call(const Call& call) {
  EncodedCall encoded{};
  encoded[0] = static_cast<std::byte>(call.kind);
  encoded[1] = static_cast<std::byte>(call.type);
  encoded[2] = static_cast<std::byte>(call.op);
  put(encoded.data() + 4, call.part);
  put(encoded.data() + 8, call.sequence);
  put(encoded.data() + 16, call.bytes);
  return encoded;
}

Call decode_call(const EncodedCall& encoded) {
  return {.kind = static_cast<CallKind>(encoded[0]),
          .type = std::to_integer<std::uint8_t>(encoded[1]),
          .op = std::to_integer<std::uint8_t>(encoded[2]),
          .part = get<std::uint32_t>(encoded.data() + 4),
          .sequence = get<std::uint64_t>(encoded.data() + 8),
          .bytes = get<std::uint64_t>(encoded.data() + 16)};
}

std::string to_string(const Call& call) {
  const std::string number = std::to_string(call.sequence);
  const std::string bytes = std::to_string(call.bytes) + " bytes";
  switch (call.kind) {
    case CallKind::kRingAllreduce: return reduction(call, "ring");
    case CallKind::kDirectAllreduce: return reduction(call, "direct");
    case CallKind::kBroadcast:
      return "broadcast " + number + " (" + bytes + " from rank " + std::to_string(call.part) + ")";
    case CallKind::kAllGather: return "all-gather " + number + " (" + bytes + " a rank)";
    case CallKind::kBarrier: return "barrier " + number;
  }
  return "an unknown collective " + number;
}

Result<void> check_call(const transport::Mesh& mesh, transport::Rank peer, const Call& theirs,
                        const Call& ours) {
  if (theirs == ours) return {};
  return Error{Code::kFailedPrecondition,
               mesh.describe(peer) + " is in " + to_string(theirs) + ", this rank in " +
                   to_string(ours) +
                   "; all ranks must make the same calls in the same order, with the same sizes"};
}

}  // namespace dl::worker::collective
