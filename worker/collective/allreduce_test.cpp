#include "worker/collective/allreduce.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <mutex>
#include <string>
#include <vector>

#include "worker/collective/testing/samples.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::collective {
namespace {

using testing::Data;
using testing::kAllOps;
using testing::kAllTypes;
using testing::make_input;
using transport::testing::GangOptions;
using transport::testing::Kind;
using transport::testing::spawn;

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
    const auto done = algorithm(communicator, {.data = data, .type = type, .op = op});
    if (!done) throw std::runtime_error(to_string(done.error()));
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
    const testing::Expected wanted = testing::expected(type, op, kSeed, world, i);
    const double actual = testing::read(type, outputs[0], i);
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

TEST_CASE("both algorithms reduce every type by every operation, to the same bits on all ranks",
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

TEST_CASE("an average of integers and a torn element are refused, and harm nothing",
          "[collective]") {
  spawn({.world_size = 2}, [](std::unique_ptr<transport::Mesh> mesh) {
    Communicator communicator(std::move(mesh));
    std::int32_t value = 5;
    const auto bytes = std::as_writable_bytes(std::span(&value, 1));
    const auto average = allreduce(
        communicator, {.data = bytes, .type = DataType::kInt32, .op = ReduceOp::kAverage});
    const auto torn = allreduce(communicator, {.data = bytes.first(3), .type = DataType::kInt32});
    const auto sum = allreduce(communicator, {.data = bytes, .type = DataType::kInt32});
    if (average || average.error().code != Code::kInvalidArgument) throw std::logic_error("1");
    if (torn || torn.error().code != Code::kInvalidArgument) throw std::logic_error("2");
    if (!sum || value != 10) throw std::logic_error("3");
  });
}

// docs/collectives.md: the cost sheet.
TEST_CASE("an all-reduce takes the steps and bytes of the cost sheet", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 5u, 8u);
  const std::size_t elements = 1000 * world;
  const std::uint64_t bytes = elements * 4;
  const auto cost = [&](Algorithm algorithm) {
    std::mutex mutex;
    transport::Counters total;
    spawn({.world_size = world}, [&](std::unique_ptr<transport::Mesh> mesh) {
      Communicator communicator(std::move(mesh));
      std::vector<float> data(elements, 1.0f);
      const auto done = algorithm(communicator, {.data = std::as_writable_bytes(std::span(data))});
      if (!done) throw std::runtime_error(to_string(done.error()));
      const transport::Counters counters = communicator.mesh().counters();
      const std::lock_guard lock(mutex);
      total.bytes_sent = std::max(total.bytes_sent, counters.bytes_sent);
      total.steps = std::max(total.steps, counters.steps);
    });
    return total;
  };
  const transport::Counters ring = cost(ring_allreduce);
  CHECK(ring.steps == 2 * (world - 1));
  CHECK(ring.bytes_sent == 2 * (world - 1) * (bytes / world) + kCallBytes);
  const transport::Counters direct = cost(direct_allreduce);
  CHECK(direct.steps == 1);
  CHECK(direct.bytes_sent == (world - 1) * (bytes + kCallBytes));
}

}  // namespace
}  // namespace dl::worker::collective
