// What a gang's own collectives give, and what they put on the wire.

#include "worker/train/gang.h"

#include <catch2/catch.hpp>

#include "worker/collective/c10d_backend.h"
#include "worker/transport/testing/gang.h"

using namespace dl;
using namespace dl::worker;
using namespace dl::worker::train;
using transport::testing::expect;

namespace {

constexpr std::uint64_t kHead = 24;  // Of every message, docs/collectives.md.

// Whole numbers, whose sums are exact in fp16 in any order.
torch::Tensor halves_of(std::uint32_t rank, std::int64_t length) {
  return (torch::arange(length) * (7 + rank)).remainder(201).sub(100).to(torch::kFloat16);
}

}  // namespace

TEST_CASE("a sum by slices has the values of an all-reduce and half of its bytes", "[gang]") {
  const auto world = GENERATE(2u, 3u, 4u);
  const std::int64_t slice = GENERATE(5000, 400'000);
  const std::int64_t length = slice * world;
  transport::testing::spawn({.world_size = world}, [&](std::unique_ptr<transport::Mesh> connected) {
    const transport::Mesh& mesh = *connected;
    const Gang gang(collective::make_ring_process_group(
                        std::make_unique<collective::Communicator>(std::move(connected))),
                    torch::kCPU);
    const std::int64_t begin = slice * gang.rank();
    const torch::Tensor mine = halves_of(gang.rank(), length);
    const torch::Tensor before = mine.clone();
    torch::Tensor whole = torch::zeros_like(mine);
    for (std::uint32_t rank = 0; rank < world; ++rank) whole += halves_of(rank, length);

    std::uint64_t sent = mesh.counters().bytes_sent;
    const torch::Tensor sum = gang.sum_of_slices(mine);
    expect(sum.equal(whole.narrow(0, begin, slice)), "the slice of the sum");
    expect(mine.equal(before), "the gradients stay as they were");
    const auto bytes = static_cast<std::uint64_t>(slice);
    expect(mesh.counters().bytes_sent - sent == (world - 1) * bytes * 2 + kHead,
           "a reduce-scatter of fp16");

    torch::Tensor weights = torch::full({length}, -1.0);
    weights.narrow(0, begin, slice).copy_(sum);
    sent = mesh.counters().bytes_sent;
    gang.gather_slices(weights);
    expect(weights.equal(whole.to(torch::kFloat32)), "everyone's slice");
    expect(mesh.counters().bytes_sent - sent == (world - 1) * bytes * 4 + kHead,
           "an all-gather of fp32");
  });
}
