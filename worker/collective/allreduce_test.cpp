#include "worker/collective/allreduce.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "worker/collective/testing/gangs.h"
#include "worker/collective/testing/samples.h"

namespace dl::worker::collective {
namespace {

using namespace testing;
using transport::Counters;

constexpr std::uint32_t kSeed = 7;

using Algorithm = Result<void> (*)(Communicator&, const AllreduceOptions&);

// The outputs of all ranks.
std::vector<Data> run(const GangOptions& gang, Algorithm algorithm, DataType type, ReduceOp op,
                      std::size_t count, CommunicatorOptions options = {}) {
  std::vector<Data> outputs(gang.world_size);
  spawn(gang, [&](std::unique_ptr<transport::Mesh> mesh) {
    const transport::Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh), options);
    Data data = make_input(type, kSeed, rank, count);
    must(algorithm(communicator, {.data = data, .type = type, .op = op}));
    outputs[rank] = std::move(data);
  });
  return outputs;
}

void check_outputs(const std::vector<Data>& outputs, DataType type, ReduceOp op,
                   std::size_t count) {
  const auto world = static_cast<std::uint32_t>(outputs.size());
  std::size_t wrong = 0;
  std::string first;
  for (std::size_t i = 0; i < count; ++i) {
    const Expected wanted = expected(type, op, kSeed, world, i);
    const double actual = read(type, outputs[0], i);
    if (std::abs(actual - wanted.value) <= wanted.error) continue;
    if (wrong++ == 0) {
      first = "[" + std::to_string(i) + "] = " + std::to_string(actual) + ", not " +
              std::to_string(wanted.value) + " within " + std::to_string(wanted.error);
    }
  }
  INFO(to_string(op) << " of " << count << " " << to_string(type) << " over " << world << ": "
                     << first);
  REQUIRE(wrong == 0);
  for (const Data& output : outputs) REQUIRE(output == outputs[0]);
}

TEST_CASE("all algorithms reduce every type by every operation, to the same bits on all ranks",
          "[collective]") {
  const auto world = GENERATE(1u, 2u, 3u, 4u, 5u);
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      if (op == ReduceOp::kAverage && !is_floating(type)) continue;
      for (const std::size_t count : {0, 1, 2, 3, 7, 1000, 4099}) {
        const GangOptions gang{.world_size = world, .link_bytes = 4096};
        // A segment of 64 bytes and links of 4 KiB: many segments, senders that have to wait.
        check_outputs(run(gang, ring_allreduce, type, op, count, {.segment_bytes = 64}), type, op,
                      count);
        check_outputs(
            run(gang, ring_allreduce, type, op, count, {.segment_bytes = 64, .chunk_bytes = 300}),
            type, op, count);
        check_outputs(run(gang, direct_allreduce, type, op, count), type, op, count);
        check_outputs(run(gang, two_shot_allreduce, type, op, count, {.chunk_bytes = 300}), type,
                      op, count);
      }
    }
  }
}

TEST_CASE("megabytes go over TCP and in process alike, to the same bits", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u);
  const std::size_t count = (3u << 20) / 4 + 1;
  const auto tcp = run({.kind = Kind::kTcp, .world_size = world}, allreduce, DataType::kFloat32,
                       ReduceOp::kSum, count);
  check_outputs(tcp, DataType::kFloat32, ReduceOp::kSum, count);
  const auto inproc = run({.world_size = world}, allreduce, DataType::kFloat32, ReduceOp::kSum,
                          count, {.segment_bytes = 4096});
  CHECK(tcp[0] == inproc[0]);
}

TEST_CASE("two shots give the bits of the ring", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 5u);
  const CommunicatorOptions options{.chunk_bytes = 3000};
  for (const DataType type : {DataType::kFloat32, DataType::kBfloat16}) {
    for (const std::size_t count : {1, 4099, 20011}) {
      const auto with = [&](Algorithm algorithm) {
        return run({.world_size = world}, algorithm, type, ReduceOp::kAverage, count, options);
      };
      CHECK(with(two_shot_allreduce) == with(ring_allreduce));
    }
  }
}

TEST_CASE("an average of integers and a torn element are refused, and harm nothing",
          "[collective]") {
  spawn_communicators({.world_size = 2}, [](Communicator& communicator) {
    std::int32_t value = 5;
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    const AllreduceOptions average = {
        .data = bytes, .type = DataType::kInt32, .op = ReduceOp::kAverage};
    const AllreduceOptions torn = {.data = bytes.first(3), .type = DataType::kInt32};
    for (const AllreduceOptions& refused : {average, torn}) {
      expect(must_fail(allreduce(communicator, refused)).code == Code::kInvalidArgument, "refused");
    }
    must(allreduce(communicator, {.data = bytes, .type = DataType::kInt32}));
    expect(value == 10, "the sum of what was there before");
  });
}

// docs/collectives.md: the cost sheet.
TEST_CASE("an all-reduce takes the steps and bytes of the cost sheet", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 5u, 8u);
  const std::uint64_t bytes = 4000 * world;
  const auto cost_of = [&](Algorithm algorithm) {
    return cost({.world_size = world}, [&](Communicator& communicator) {
      Data data(bytes);
      return algorithm(communicator, {.data = data});
    });
  };
  const Counters ring = cost_of(ring_allreduce);
  CHECK(ring.steps == 2 * (world - 1));
  CHECK(ring.bytes_sent == 2 * (world - 1) * (bytes / world) + kCallBytes);
  const Counters two_shot = cost_of(two_shot_allreduce);
  CHECK(two_shot.steps == 2);
  CHECK(two_shot.bytes_sent == 2 * (world - 1) * (bytes / world + kCallBytes));
  const Counters direct = cost_of(direct_allreduce);
  CHECK(direct.steps == 1);
  CHECK(direct.bytes_sent == (world - 1) * (bytes + kCallBytes));
}

}  // namespace
}  // namespace dl::worker::collective
