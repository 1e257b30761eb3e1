// All-reduce: every rank brings a vector and leaves with the reduction of them all, the same bits
// on every rank and in every run.
//
// The order in which a sum is made is fixed by the world size and the vector's size, not by who
// comes first. docs/collectives.md has the steps and bytes of each algorithm.

#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "base/result.h"
#include "worker/collective/communicator.h"
#include "worker/collective/reduction/data_type.h"

namespace dl::worker::collective {

struct AllreduceOptions {
  std::span<std::byte> data;  // Read and replaced. The same size on all ranks.
  DataType type = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  std::string_view label;  // What it is about, for errors on this rank: "bucket 3 (conv1.weight)".
};

// By the better of the algorithms below. After an error `data` is undefined.
//   kInvalidArgument     `data` is not a number of elements, or an average of integers.
//   kFailedPrecondition  a peer is in another call.
//   kUnavailable, kDeadlineExceeded, kCancelled  as transport::Mesh has them.
// All but the first end the communicator.
Result<void> allreduce(Communicator& communicator, const AllreduceOptions& options);

// Reduce-scatter, then all-gather, around the ring: each byte is sent 2(P − 1)/P times by each
// rank, whatever the number of ranks P, which is as few as can be.
Result<void> ring_allreduce(Communicator& communicator, const AllreduceOptions& options);

// Each rank sends each other one the chunk that is that one's to sum, and all of them its sum: two
// steps whatever the number of ranks, with the bytes and the bits of the ring.
Result<void> two_shot_allreduce(Communicator& communicator, const AllreduceOptions& options);

// Each rank sends all to each other, and sums in the order of ranks: one step, for small vectors.
Result<void> direct_allreduce(Communicator& communicator, const AllreduceOptions& options);

// Where all ranks share a board (communicator.topology().one_host()), for vectors of up to
// flat_bytes_max: each rank shows its vector to the others and sums all of them. kInvalidArgument
// for larger ones.
Result<void> flat_allreduce(Communicator& communicator, const AllreduceOptions& options);
std::size_t flat_bytes_max(Communicator& communicator);

// The same for vectors of any size: each rank sums a part and shows it to the others.
Result<void> staged_allreduce(Communicator& communicator, const AllreduceOptions& options);

// Where ranks share boards, host by host (communicator.topology().some_share()): each host reduces
// in memory, rings across the hosts add up the hosts' sums, and each host hands out the whole. What
// leaves a host is that of a ring with one rank a host. The order of the sum, and so the last bits,
// depend on which ranks share a host.
Result<void> hierarchical_allreduce(Communicator& communicator, const AllreduceOptions& options);

}  // namespace dl::worker::collective
