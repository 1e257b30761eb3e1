#include "worker/collective/allreduce.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <mutex>
#include <string>
#include <vector>

#include "worker/transport/testing/gang.h"

namespace dl::worker::collective {
namespace {

using transport::testing::GangOptions;
using transport::testing::Kind;
using transport::testing::spawn;

constexpr DataType kAllTypes[] = {DataType::kFloat64,  DataType::kFloat32, DataType::kFloat16,
                                  DataType::kBfloat16, DataType::kInt64,   DataType::kInt32,
                                  DataType::kUint8};
constexpr ReduceOp kAllOps[] = {ReduceOp::kSum, ReduceOp::kAverage, ReduceOp::kMin, ReduceOp::kMax};

using Bytes = std::vector<std::byte>;

template <class T>
T at(const Bytes& bytes, std::size_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

double read(DataType type, const Bytes& bytes, std::size_t i) {
  switch (type) {
    case DataType::kFloat64: return at<double>(bytes, i);
    case DataType::kFloat32: return static_cast<double>(at<float>(bytes, i));
    case DataType::kFloat16: return static_cast<double>(at<_Float16>(bytes, i));
    case DataType::kBfloat16: {
      const std::uint32_t bits = std::uint32_t{at<std::uint16_t>(bytes, i)} << 16;
      float value;
      std::memcpy(&value, &bits, 4);
      return static_cast<double>(value);
    }
    case DataType::kInt64: return static_cast<double>(at<std::int64_t>(bytes, i));
    case DataType::kInt32: return at<std::int32_t>(bytes, i);
    case DataType::kUint8: return at<std::uint8_t>(bytes, i);
  }
  return 0;
}

template <class T>
void put(Bytes& bytes, std::size_t index, T value) {
  std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
}

void write(DataType type, Bytes& bytes, std::size_t i, double value) {
  switch (type) {
    case DataType::kFloat64: return put(bytes, i, value);
    case DataType::kFloat32: return put(bytes, i, static_cast<float>(value));
    case DataType::kFloat16: return put(bytes, i, static_cast<_Float16>(value));
    case DataType::kBfloat16: {
      const auto single = static_cast<float>(value);
      std::uint32_t bits;
      std::memcpy(&bits, &single, 4);
      return put(bytes, i, static_cast<std::uint16_t>(bits >> 16));
    }
    case DataType::kInt64: return put(bytes, i, static_cast<std::int64_t>(value));
    case DataType::kInt32: return put(bytes, i, static_cast<std::int32_t>(value));
    case DataType::kUint8: return put(bytes, i, static_cast<std::uint8_t>(value));
  }
}

// Any value, the same in every run; small enough that a uint8 sum of 5 does not wrap.
double sample(DataType type, std::uint32_t rank, std::size_t i) {
  const auto hash = static_cast<std::uint32_t>((i + 1) * 2654435761u + rank * 40503u * 65537u);
  const int small = static_cast<int>(hash >> 8) % 41;
  if (type == DataType::kUint8) return std::abs(small);
  if (!is_floating(type)) return small * 1000.0;
  return small + (hash % 1024) / 1024.0;
}

Bytes make_input(DataType type, std::uint32_t rank, std::size_t count) {
  Bytes bytes(count * size_of(type));
  for (std::size_t i = 0; i < count; ++i) write(type, bytes, i, sample(type, rank, i));
  return bytes;
}

double reference(DataType type, ReduceOp op, std::uint32_t world, std::size_t i) {
  double result = 0;
  for (std::uint32_t rank = 0; rank < world; ++rank) {
    Bytes rounded(8);
    write(type, rounded, 0, sample(type, rank, i));
    const double value = read(type, rounded, 0);
    if (rank == 0) {
      result = value;
    } else if (op == ReduceOp::kMin) {
      result = std::min(result, value);
    } else if (op == ReduceOp::kMax) {
      result = std::max(result, value);
    } else {
      result += value;
    }
  }
  return op == ReduceOp::kAverage ? result / world : result;
}

double tolerance(DataType type) {
  switch (type) {
    case DataType::kFloat64: return 1e-14;
    case DataType::kFloat32: return 1e-6;
    case DataType::kFloat16: return 5e-3;
    case DataType::kBfloat16: return 4e-2;
    default: return 0;
  }
}

using Algorithm = Result<void> (*)(Communicator&, const AllreduceOptions&);

// The outputs of all ranks.
std::vector<Bytes> run(const GangOptions& gang, Algorithm algorithm, DataType type, ReduceOp op,
                       std::size_t count, CommunicatorOptions options = {}) {
  std::vector<Bytes> outputs(gang.world_size);
  spawn(gang, [&](std::unique_ptr<transport::Mesh> mesh) {
    const transport::Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh), options);
    Bytes data = make_input(type, rank, count);
    const auto done = algorithm(communicator, {.data = data, .type = type, .op = op});
    if (!done) throw std::runtime_error(to_string(done.error()));
    outputs[rank] = std::move(data);
  });
  return outputs;
}

void check_outputs(const std::vector<Bytes>& outputs, DataType type, ReduceOp op,
                   std::size_t count) {
  const auto world = static_cast<std::uint32_t>(outputs.size());
  std::size_t wrong = 0;
  std::string first;
  for (std::size_t i = 0; i < count; ++i) {
    const double expected = reference(type, op, world, i);
    const double actual = read(type, outputs[0], i);
    if (std::abs(actual - expected) <= tolerance(type) * (41.0 * world)) continue;
    if (wrong++ == 0) {
      first = "[" + std::to_string(i) + "] = " + std::to_string(actual) + ", not " +
              std::to_string(expected);
    }
  }
  INFO(to_string(op) << " of " << count << " " << to_string(type) << " over " << world << ": "
                     << first);
  REQUIRE(wrong == 0);
  for (const Bytes& output : outputs) REQUIRE(output == outputs[0]);
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
