// What a rank says about a collective before it sends data for it, so that two ranks that are not
// in the same one find out at once.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "worker/collective/reduction/data_type.h"
#include "worker/transport/mesh.h"

namespace dl::worker::collective {

// The values are on the wire.
enum class CallKind : std::uint8_t {
  kRingAllreduce = 1,
  kDirectAllreduce = 2,
  kBroadcast = 3,
  kAllGather = 4,
  kBarrier = 5,
  kRingReduceScatter = 6,
  kDirectReduceScatter = 7,
  kChainReduce = 8,
  kDirectReduce = 9,
  kGather = 10,
  kScatter = 11,
  kAllToAll = 12,
  kSendReceive = 13,
  kFlatAllreduce = 14,
  kStagedAllreduce = 15,
  kHierarchicalAllreduce = 16,
  kTwoShotAllreduce = 17,
};

struct Call {
  CallKind kind;
  std::uint8_t type = 0;   // DataType, where there is one.
  std::uint8_t op = 0;     // ReduceOp, where there is one.
  std::uint32_t part = 0;  // Root, round of a barrier, tag of a message.
  std::uint64_t sequence = 0;
  std::uint64_t bytes = 0;      // Of the data, or of one rank's block.
  std::string_view label = {};  // What it is about, for this rank's errors; stays here.
};

// Goes before the data on every link that a collective uses.
inline constexpr std::size_t kCallBytes = 24;
using EncodedCall = std::array<std::byte, kCallBytes>;

EncodedCall encode_call(const Call& call);
Call decode_call(const EncodedCall& encoded);

// Whether two ranks that say so are in the same call; their labels do not matter.
bool same_call(const Call& a, const Call& b);

// "all-reduce 12 (ring, sum of 100 float32; bucket 3)".
std::string to_string(const Call& call);

// kFailedPrecondition unless `peer` is in the same call as this rank.
Result<void> check_call(const transport::Mesh& mesh, transport::Rank peer, const Call& theirs,
                        const Call& ours);

}  // namespace dl::worker::collective
