// Broadcast, all-gather and barrier; and what every collective does when the gang does not hold.

#include <atomic>
#include <barrier>
#include <catch2/catch.hpp>

#include "worker/collective/all_gather.h"
#include "worker/collective/barrier.h"
#include "worker/collective/broadcast.h"
#include "worker/collective/testing/gangs.h"
#include "worker/collective/testing/killed_rank.h"

namespace dl::worker::collective {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using std::chrono::steady_clock;
using transport::Counters;
using transport::Mesh;
using transport::Rank;
std::vector<std::byte> block_of(Rank rank, std::size_t bytes) {
  std::vector<std::byte> block(bytes);
  for (std::size_t i = 0; i < bytes; ++i) block[i] = static_cast<std::byte>(i * 31 + rank * 7 + 1);
  return block;
}

std::uint32_t log2_ceil(std::uint32_t n) {
  std::uint32_t log = 0;
  while ((1u << log) < n) ++log;
  return log;
}

std::uint32_t log2_floor(std::uint32_t n) { return log2_ceil(n + 1) - 1; }

TEST_CASE("broadcast gives all ranks what the root has", "[collective]") {
  const GangOptions gang = any_gang();
  const std::uint32_t world = gang.world_size;
  spawn_communicators(gang, [&](Communicator& communicator) {
    for (Rank root = 0; root < world; ++root) {
      for (const std::size_t bytes : {0, 1, 4096, 4097, 300001}) {
        auto data = block_of(communicator.rank(), bytes);
        must(broadcast(communicator, {.data = data, .root = root}));
        expect(data == block_of(root, bytes), "the root's bytes");
      }
    }
    const Error error = must_fail(broadcast(communicator, {.data = {}, .root = world}));
    expect(error.code == Code::kInvalidArgument, "there is no such root");
  });
}

TEST_CASE("all-gather gives all ranks the blocks of all", "[collective]") {
  const GangOptions gang = any_gang();
  const std::uint32_t world = gang.world_size;
  spawn_communicators(gang, [&](Communicator& communicator) {
    for (const std::size_t bytes : {0, 1, 4096, 4097, 100001}) {
      std::vector<std::byte> all(world * bytes);
      must(all_gather(communicator, {.block = block_of(communicator.rank(), bytes), .all = all}));
      std::vector<std::byte> expected;
      for (Rank rank = 0; rank < world; ++rank) {
        const auto block = block_of(rank, bytes);
        expected.insert(expected.end(), block.begin(), block.end());
      }
      expect(all == expected, "the blocks in the order of ranks");
    }
    std::vector<std::byte> short_by_one(world * 8 - 1);
    const auto block = block_of(0, 8);
    expect(must_fail(all_gather(communicator, {.block = block, .all = short_by_one})).code ==
               Code::kInvalidArgument,
           "there must be room for all");
  });
}

TEST_CASE("nobody leaves a barrier before all have come", "[collective]") {
  const auto world = GENERATE(1u, 2u, 3u, 4u, 7u);
  std::atomic<std::uint32_t> come = 0;
  spawn_communicators({.world_size = world}, [&](Communicator& communicator) {
    for (std::uint32_t round = 1; round <= 20; ++round) {
      ++come;
      must(barrier(communicator));
      expect(come >= round * world, "all have come");
    }
  });
}

// docs/collectives.md: the cost sheet.
TEST_CASE("broadcast, all-gather and barrier take the steps and bytes of the cost sheet",
          "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 5u, 8u);
  const GangOptions gang = {.world_size = world};
  const std::size_t large = 20000;
  const std::size_t small = 1000;
  const auto broadcast_of = [](std::size_t bytes) {
    return [bytes](Communicator& communicator) {
      std::vector<std::byte> data(bytes);
      return broadcast(communicator, {.data = data});
    };
  };
  const auto gather_of = [](std::size_t bytes) {
    return [bytes](Communicator& communicator) {
      std::vector<std::byte> all(bytes * communicator.world_size());
      return all_gather(communicator, {.block = block_of(0, bytes), .all = all});
    };
  };
  const Counters chain = cost(gang, broadcast_of(large));
  CHECK(chain.steps == world - 1);
  CHECK(chain.bytes_sent == large + kCallBytes);
  const Counters tree = cost(gang, broadcast_of(small));
  CHECK(tree.steps == log2_floor(world));
  CHECK(tree.bytes_sent == log2_ceil(world) * (small + kCallBytes));
  const Counters ring = cost(gang, gather_of(large));
  CHECK(ring.steps == world - 1);
  CHECK(ring.bytes_sent == (world - 1) * large + kCallBytes);
  const Counters direct = cost(gang, gather_of(small));
  CHECK(direct.steps == 1);
  CHECK(direct.bytes_sent == (world - 1) * (small + kCallBytes));
  const Counters meeting = cost(gang, [](Communicator& c) { return barrier(c); });
  CHECK(meeting.steps == log2_ceil(world));
  CHECK(meeting.bytes_sent == log2_ceil(world) * kCallBytes);
}

TEST_CASE("ranks in different calls find out at their first message", "[collective]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  std::vector<Error> errors(2);
  spawn_communicators({.kind = kind}, [&](Communicator& communicator) {
    must(barrier(communicator));
    const Rank rank = communicator.rank();
    errors[rank] = must_fail(sum_of(communicator, rank == 0 ? 2000 : 3000));
    expect(communicator.failure() == errors[rank], "a failure is for good");
    expect(must_fail(barrier(communicator)) == errors[rank], "and is what later calls return");
  });
  const bool first = errors[0].code == Code::kFailedPrecondition;
  const Error& found = first ? errors[0] : errors[1];
  CHECK(found.code == Code::kFailedPrecondition);
  CHECK_THAT(found.message, Catch::Contains("is in all-reduce 2 (") &&
                                Catch::Contains(", sum of ") && Catch::Contains("2000 float32") &&
                                Catch::Contains("3000 float32"));
}

TEST_CASE("a peer that stalls ends a collective at its deadline", "[collective]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  std::barrier all(3);
  std::vector<Error> errors(2);
  spawn({.kind = kind, .world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    const Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh), {.stall_timeout = rank == 0 ? 100ms : 10s});
    if (rank < 2) errors[rank] = must_fail(sum_of(communicator, 100000));
    all.arrive_and_wait();
  });
  // Rank 0 waits for rank 2 itself; rank 1, more patient, hears of it.
  CHECK(errors[0].code == Code::kDeadlineExceeded);
  CHECK_THAT(errors[0].message,
             Catch::StartsWith("all-reduce 1 (") &&
                 Catch::Contains(", sum of 100000 float32) failed on rank 0: ") &&
                 Catch::Contains("for data from rank 2"));
  CHECK(errors[1].code == Code::kUnavailable);
  CHECK_THAT(errors[1].message, Catch::Contains(": rank 0 ("));
}

TEST_CASE("when a rank gives up in mid-flight all others know within a second, and who",
          "[collective]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  const std::uint32_t world = 4;
  const Rank victim = 2;
  std::atomic<int> rounds = 0;
  std::vector<Error> errors(world);
  std::vector<steady_clock::time_point> seen(world);
  steady_clock::time_point left;
  spawn({.kind = kind, .world_size = world}, [&](std::unique_ptr<Mesh> mesh) {
    const Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh));
    while (rank != victim || rounds < 10) {
      const auto done = sum_of(communicator, 50000);
      if (rank == victim) ++rounds;
      if (done) continue;
      errors[rank] = done.error();
      seen[rank] = steady_clock::now();
      return;
    }
    left = steady_clock::now();
    communicator.abort();
  });
  for (Rank rank = 0; rank < world; ++rank) {
    if (rank == victim) continue;
    CHECK(errors[rank].code == Code::kUnavailable);
    CHECK_THAT(errors[rank].message, Catch::Contains(": rank 2 ("));
    CHECK(seen[rank] - left < 1s);
  }
}

TEST_CASE("a process killed by SIGKILL is named by all others within a second", "[collective]") {
  check_killed_rank_is_named({
      .victim = 2,
      .elements = 4 << 20,  // It is in the middle of one.
      .rounds = 9,
      .connect =
          [](Rank rank, const auto& peers) {
            return transport::tcp::connect({.rank = rank, .peers = peers, .secret = "s"});
          },
  });
}

}  // namespace
}  // namespace dl::worker::collective
