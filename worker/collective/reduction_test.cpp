// Reduce and reduce-scatter, and the error of every reduction.

#include <catch2/catch.hpp>
#include <random>

#include "worker/collective/allreduce.h"
#include "worker/collective/reduce.h"
#include "worker/collective/reduce_scatter.h"
#include "worker/collective/testing/gangs.h"
#include "worker/collective/testing/samples.h"

namespace dl::worker::collective {
namespace {

using namespace testing;
using transport::Counters;
using transport::Mesh;
using transport::Rank;

struct Case {
  DataType type = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  std::uint32_t seed = 1;
  std::uint32_t world = 2;
  CommunicatorOptions options = {};
};

// Throws unless elements [first, first + count of `result`) of the reduction are in `result`.
void expect_reduced(const Case& test, const Data& result, std::size_t first) {
  for (std::size_t i = 0; i < result.size() / size_of(test.type); ++i) {
    const Expected wanted = expected(test.type, test.op, test.seed, test.world, first + i);
    const double actual = read(test.type, result, i);
    if (std::abs(actual - wanted.value) <= wanted.error) continue;
    throw std::logic_error(
        std::string(to_string(test.op)) + " of " + std::string(to_string(test.type)) + " over " +
        std::to_string(test.world) + " ranks: [" + std::to_string(first + i) +
        "] = " + std::to_string(actual) + ", not " + std::to_string(wanted.value));
  }
}

// All types, all operations that they have.
template <class Fn>
void for_all(const Fn& fn) {
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      if (op != ReduceOp::kAverage || is_floating(type)) fn(type, op);
    }
  }
}

// The blocks of all ranks, one after the other.
Data reduce_scatter_of(const Case& test, const GangOptions& gang, std::size_t count,
                       bool in_place) {
  const std::size_t bytes = count * size_of(test.type);
  Data all(gang.world_size * bytes);
  spawn(gang, [&](std::unique_ptr<Mesh> mesh) {
    const Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh), test.options);
    Data input = make_input(test.type, test.seed, rank, count * gang.world_size);
    Data block(bytes);
    const std::span<std::byte> place =
        in_place ? std::span(input).subspan(rank * bytes, bytes) : std::span(block);
    must(reduce_scatter(communicator,
                        {.input = input, .block = place, .type = test.type, .op = test.op}));
    std::copy(place.begin(), place.end(), all.begin() + static_cast<std::ptrdiff_t>(rank * bytes));
  });
  return all;
}

TEST_CASE("reduce-scatter gives each rank the reduction of its block", "[collective]") {
  const auto world = GENERATE(1u, 2u, 3u, 5u);
  const GangOptions gang{.world_size = world, .link_bytes = 4096};
  for_all([&](DataType type, ReduceOp op) {
    Case test{.type = type, .op = op, .world = world};
    expect_reduced(test, reduce_scatter_of(test, gang, 100, false), 0);  // Directly.
    // Around the ring, in many segments and blocks, with senders that have to wait for room.
    test.options = {.segment_bytes = 64, .chunk_bytes = 700, .direct_bytes_max = 0};
    for (const std::size_t count : {1, 7, 2003}) {
      expect_reduced(test, reduce_scatter_of(test, gang, count, count == 7), 0);
    }
  });
}

TEST_CASE("reduce-scatter is the same bits in every run, and leaves its input alone",
          "[collective]") {
  const Case test{.world = 4};
  const GangOptions tcp{.kind = Kind::kTcp, .world_size = 4};
  const Data first = reduce_scatter_of(test, tcp, 500'000, false);
  expect_reduced(test, first, 0);
  CHECK(reduce_scatter_of(test, {.world_size = 4}, 500'000, true) == first);
  spawn_communicators({.world_size = 2}, [](Communicator& communicator) {
    const Data before = make_input(DataType::kFloat32, 1, communicator.rank(), 20000);
    const Data input = before;
    Data block(40000);
    must(reduce_scatter(communicator, {.input = input, .block = block}));
    expect(input == before, "the input is only read");
    expect(must_fail(reduce_scatter(communicator, {.input = block, .block = block})).code ==
               Code::kInvalidArgument,
           "a block a rank");
  });
}

TEST_CASE("reduce gives the root the reduction, and leaves the others what they had",
          "[collective]") {
  const auto world = GENERATE(1u, 2u, 3u, 5u);
  for_all([&](DataType type, ReduceOp op) {
    const Case test{.type = type, .op = op, .world = world};
    for (const std::size_t count : {0, 1, 100, 5003}) {
      const CommunicatorOptions options = {.segment_bytes = 64, .direct_bytes_max = 400};
      spawn({.world_size = world, .link_bytes = 4096}, [&](std::unique_ptr<Mesh> mesh) {
        const Rank rank = mesh->rank();
        Communicator communicator(std::move(mesh), options);
        const Rank root = static_cast<Rank>(count) % world;
        const Data mine = make_input(type, test.seed, rank, count);
        Data data = mine;
        must(reduce(communicator, {.data = data, .type = type, .op = op, .root = root}));
        if (rank == root) {
          expect_reduced(test, data, 0);
        } else {
          expect(data == mine, "only the root's is replaced");
        }
      });
    }
  });
}

// The bound of docs/collectives.md, on values of many magnitudes.
TEST_CASE("no reduction is further from float64 than its documented bound", "[collective]") {
  const auto seed = static_cast<std::uint32_t>(std::random_device()());
  INFO("seed " << seed);
  const std::size_t count = 4096;
  for (const std::uint32_t world : {2u, 6u}) {
    for_all([&](DataType type, ReduceOp op) {
      const Case test{.type = type, .op = op, .seed = seed, .world = world};
      std::vector<Data> outputs(world);
      spawn({.world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
        const Rank rank = mesh->rank();
        Communicator communicator(std::move(mesh));
        outputs[rank] = make_input(type, seed, rank, count);
        must(ring_allreduce(communicator, {.data = outputs[rank], .type = type, .op = op}));
      });
      REQUIRE_NOTHROW(expect_reduced(test, outputs[0], 0));
      for (const Data& output : outputs) REQUIRE(output == outputs[0]);
    });
  }
}

// docs/collectives.md: the cost sheet.
TEST_CASE("reduce and reduce-scatter take the steps and bytes of the cost sheet", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 8u);
  const GangOptions gang = {.world_size = world};
  const auto scatter_of = [&](std::size_t bytes) {
    return [bytes](Communicator& communicator) {
      Data input(bytes * communicator.world_size()), block(bytes);
      return reduce_scatter(communicator, {.input = input, .block = block});
    };
  };
  const auto reduce_of = [&](std::size_t bytes) {
    return [bytes](Communicator& communicator) {
      Data data(bytes);
      return reduce(communicator, {.data = data});
    };
  };
  const std::size_t large = 20000, small = 1000;
  const Counters ring = cost(gang, scatter_of(large));
  CHECK(ring.steps == world - 1);
  CHECK(ring.bytes_sent == (world - 1) * large + kCallBytes);
  const Counters direct = cost(gang, scatter_of(small));
  CHECK(direct.steps == 1);
  CHECK(direct.bytes_sent == (world - 1) * (small + kCallBytes));
  const Counters chain = cost(gang, reduce_of(large));
  CHECK(chain.steps == world - 1);
  CHECK(chain.bytes_sent == large + kCallBytes);
  CHECK(chain.bytes_received == large + kCallBytes);
  const Counters star = cost(gang, reduce_of(small));
  CHECK(star.steps == 1);
  CHECK(star.bytes_sent == small + kCallBytes);
  CHECK(star.bytes_received == (world - 1) * (small + kCallBytes));
}

}  // namespace
}  // namespace dl::worker::collective
