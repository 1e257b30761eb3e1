// The all-reduces on boards: their bits, their cost, and what they do when the gang does not hold.

#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

#include "worker/collective/allreduce.h"
#include "worker/collective/barrier.h"
#include "worker/collective/broadcast.h"
#include "worker/collective/testing/gangs.h"
#include "worker/collective/testing/killed_rank.h"
#include "worker/collective/testing/samples.h"
#include "worker/transport/board.h"
#include "worker/transport/shm/connect.h"
#include "worker/transport/shm/mesh.h"
#include "worker/transport/sub_mesh.h"

namespace dl::worker::collective {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using std::chrono::steady_clock;
using transport::Counters;
using transport::Mesh;
using transport::Rank;

using Algorithm = Result<void> (*)(Communicator&, const AllreduceOptions&);

constexpr std::uint32_t kSeed = 3;

struct Reduction {
  DataType type = DataType::kFloat32;
  ReduceOp op = ReduceOp::kSum;
  std::size_t count = 0;
};

// What all ranks have after `algorithm`; they must have the same.
std::vector<Data> run(const GangOptions& gang, Algorithm algorithm,
                      const std::vector<Reduction>& reductions, CommunicatorOptions options = {}) {
  std::vector<std::vector<Data>> outputs(gang.world_size);
  spawn(gang, [&](std::unique_ptr<Mesh> mesh) {
    const Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh), options);
    for (const Reduction& reduction : reductions) {
      Data data = make_input(reduction.type, kSeed, rank, reduction.count);
      must(algorithm(communicator, {.data = data, .type = reduction.type, .op = reduction.op}));
      outputs[rank].push_back(std::move(data));
    }
  });
  for (const auto& output : outputs) REQUIRE(output == outputs[0]);
  return outputs[0];
}

std::vector<Reduction> all_reductions(std::vector<std::size_t> counts) {
  std::vector<Reduction> reductions;
  for (const DataType type : kAllTypes) {
    for (const ReduceOp op : kAllOps) {
      if (op == ReduceOp::kAverage && !is_floating(type)) continue;
      for (const std::size_t count : counts) reductions.push_back({type, op, count});
    }
  }
  return reductions;
}

TEST_CASE("on a board every reduction has the bits it has over links", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 5u);
  const auto reductions = all_reductions({0, 1, 2, 3, 7, 1000, 4099});
  // Chunks of 1 KiB and pieces of 64 bytes: many rounds, that end at all sizes.
  const CommunicatorOptions options = {
      .chunk_bytes = 1024, .round_bytes = 320, .direct_bytes_max = 512};
  const auto over_links = run({.world_size = world}, allreduce, reductions, options);
  const GangOptions board = {.world_size = world, .host_of = std::vector<Rank>(world)};
  const GangOptions shm = {.kind = Kind::kShm, .world_size = world};
  for (const GangOptions& gang : {board, shm}) {
    CHECK(run(gang, flat_allreduce, reductions, options) == over_links);
    CHECK(run(gang, allreduce, reductions, options) == over_links);
  }
}

// The direct algorithm sums small vectors in another order than the ring does.
TEST_CASE("the staged all-reduce has the bits of the ring", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 5u);
  const auto reductions = all_reductions({0, 1, 2, 3, 7, 1000, 4099});
  const CommunicatorOptions options = {.chunk_bytes = 1024, .round_bytes = 320};
  const auto ring = run({.world_size = world}, ring_allreduce, reductions, options);
  const GangOptions board = {.world_size = world, .host_of = std::vector<Rank>(world)};
  const GangOptions shm = {.kind = Kind::kShm, .world_size = world};
  for (const GangOptions& gang : {board, shm}) {
    CHECK(run(gang, staged_allreduce, reductions, options) == ring);
  }
}

TEST_CASE("megabytes through shared memory have the bits of TCP", "[collective]") {
  const auto world = GENERATE(2u, 4u);
  std::vector<Reduction> reductions;
  // Around what is flat and what is one piece, and some blocks.
  for (const std::size_t bytes :
       {4096u, 4100u, 131068u, 131072u, 131076u, 262144u, 262148u, 5u << 20}) {
    reductions.push_back({.count = bytes / 4});
  }
  const auto tcp = run({.kind = Kind::kTcp, .world_size = world}, allreduce, reductions);
  CHECK(run({.kind = Kind::kShm, .world_size = world}, allreduce, reductions) == tcp);
}

// Sums of integers do not depend on the order: the ring over links tells what they must be.
TEST_CASE("a gang on several hosts reduces in them and across them", "[collective]") {
  const auto host_of = GENERATE(values<std::vector<Rank>>({
      {0, 0, 1, 1},     // Two hosts of two.
      {5, 6, 5, 6},     // Whose ranks are not in a row.
      {0, 0, 0, 1},     // One alone on its host, so there is one slice.
      {0, 1, 1, 0, 1},  // Two and three.
  }));
  const auto world = static_cast<std::uint32_t>(host_of.size());
  std::vector<Reduction> integers;
  std::vector<Reduction> floats;
  for (const Reduction& reduction : all_reductions({0, 1, 2, 3, 7, 1000, 4099})) {
    (is_floating(reduction.type) ? floats : integers).push_back(reduction);
  }
  const CommunicatorOptions options = {.chunk_bytes = 1024, .round_bytes = 512};
  const auto expected = run({.world_size = world}, ring_allreduce, integers, options);
  std::vector<std::vector<Data>> sums;
  for (const Kind kind : {Kind::kInproc, Kind::kShm}) {
    const GangOptions gang = {.kind = kind, .world_size = world, .host_of = host_of};
    CHECK(run(gang, hierarchical_allreduce, integers, options) == expected);
    CHECK(run(gang, allreduce, integers, options) == expected);
    sums.push_back(run(gang, hierarchical_allreduce, floats, options));
  }
  CHECK(sums[0] == sums[1]);
  // All values are small whole numbers here, which floats add without error in any order.
  const GangOptions gang = {.kind = Kind::kInproc, .world_size = world, .host_of = host_of};
  spawn(gang, [&](std::unique_ptr<Mesh> mesh) {
    Communicator communicator(std::move(mesh), options);
    std::vector<float> data(2003);
    for (std::size_t i = 0; i < data.size(); ++i) {
      data[i] = static_cast<float>(communicator.rank() + i);
    }
    must(hierarchical_allreduce(
        communicator, {.data = std::as_writable_bytes(std::span(data)), .op = ReduceOp::kAverage}));
    const float mean_rank = static_cast<float>(world - 1) / 2;
    for (std::size_t i = 0; i < data.size(); ++i) {
      expect(data[i] == mean_rank + static_cast<float>(i), "the average of all ranks");
    }
  });
}

TEST_CASE("calls of all kinds follow one another on a board", "[collective]") {
  spawn_communicators({.kind = Kind::kShm, .world_size = 3}, [](Communicator& communicator) {
    for (int round = 0; round < 200; ++round) {
      std::vector<float> data(static_cast<std::size_t>(round * 37 % 1500 + 1),
                              static_cast<float>(communicator.rank() + 1));
      const AllreduceOptions call = {.data = std::as_writable_bytes(std::span(data))};
      must(round % 3 == 0 ? staged_allreduce(communicator, call)
                          : flat_allreduce(communicator, call));
      for (const float value : data) expect(value == 6.0f, "1 + 2 + 3");
      // Over the links, and the root does not wait for the others.
      const Rank root = static_cast<Rank>(round) % 3;
      std::array<std::byte, 1> byte = {static_cast<std::byte>(communicator.rank())};
      must(broadcast(communicator, {.data = byte, .root = root}));
      expect(byte[0] == static_cast<std::byte>(root), "the root's");
      if (round % 5 == 0) must(barrier(communicator));
    }
  });
}

TEST_CASE("a flat all-reduce of more than its place on the board is refused", "[collective]") {
  spawn_communicators({.kind = Kind::kShm, .world_size = 2}, [](Communicator& communicator) {
    std::vector<float> data(flat_bytes_max(communicator) / sizeof(float) + 1, 1.0f);
    const auto bytes = std::as_writable_bytes(std::span(data));
    expect(must_fail(flat_allreduce(communicator, {.data = bytes})).code == Code::kInvalidArgument,
           "refused");
    for (int round = 0; round < 3; ++round) {
      std::fill(data.begin(), data.end(), 1.0f);
      must(flat_allreduce(communicator, {.data = bytes.first(bytes.size() - sizeof(float))}));
      expect(std::count(data.begin(), data.end() - 1, 2.0f) + 1 == std::ssize(data), "1 + 1");
    }
  });
}

// The threads see the memory at one address, so that a thread sanitizer sees what they do there.
TEST_CASE("all-reduces on a board order what they write and read", "[collective]") {
  const auto look = GENERATE(0us, 1000us);
  const std::uint32_t world = 3;
  const auto segment = transport::shm::Segment::create(
      {.ranks = world, .ring_bytes = 256, .block_bytes = 1 << 16}, {});
  REQUIRE(segment.has_value());
  const CommunicatorOptions options = {.chunk_bytes = 1024, .round_bytes = 960};
  spawn({.world_size = world}, [&](std::unique_ptr<Mesh> base) {
    Communicator communicator(
        std::make_unique<transport::shm::ShmMesh>(
            std::move(base), transport::shm::Placement{std::vector<Rank>(world)}, *segment, look),
        options);
    for (std::size_t round = 0; round < 60; ++round) {
      std::vector<float> data(1 + round * 97 % 900, static_cast<float>(communicator.rank()));
      const AllreduceOptions call = {.data = std::as_writable_bytes(std::span(data))};
      must(round % 2 == 0 ? flat_allreduce(communicator, call)
                          : staged_allreduce(communicator, call));
      for (const float value : data) expect(value == 3.0f, "0 + 1 + 2");
    }
  });
}

TEST_CASE("the workers of a gang with parameter servers share a board", "[collective]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kShm);
  const GangOptions gang = {.kind = kind, .world_size = 4, .host_of = {0, 0, 0, 0}};
  spawn(gang, [](std::unique_ptr<Mesh> mesh) {
    const std::shared_ptr<Mesh> whole = std::move(mesh);
    std::array<std::byte, 1> done{};
    const auto deadline = steady_clock::now() + 10s;
    if (whole->rank() == 3) {
      // A server waits for its workers, who are at other things in shared memory meanwhile.
      for (Rank worker = 0; worker < 3; ++worker) {
        must(receive_all(*whole, worker, done, deadline));
      }
      return;
    }
    Communicator communicator(
        std::make_unique<transport::SubMesh>(whole, std::vector<Rank>{0, 1, 2}));
    expect(communicator.topology().one_host(), "the three share a board");
    std::vector<float> data(5000, 1.0f);
    for (int round = 0; round < 50; ++round) {
      if (round == 25) std::this_thread::sleep_for(5ms);
      std::fill(data.begin(), data.end(), 1.0f);
      must(allreduce(communicator, {.data = std::as_writable_bytes(std::span(data))}));
      expect(data[0] == 3.0f && data[4999] == 3.0f, "three ones");
    }
    must(send_all(*whole, 3, done, deadline));
  });
}

TEST_CASE("of several communicators on one mesh the first has the board", "[collective]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kShm);
  const GangOptions gang = {.kind = kind, .world_size = 4, .host_of = {0, 0, 0, 1}};
  spawn(gang, [](std::unique_ptr<Mesh> mesh) {
    const std::shared_ptr<Mesh> whole = std::move(mesh);
    const Rank rank = whole->rank();
    Communicator all(std::make_unique<transport::SubMesh>(whole, std::vector<Rank>{0, 1, 2, 3}));
    Communicator half(std::make_unique<transport::SubMesh>(
        whole, rank < 2 ? std::vector<Rank>{0, 1} : std::vector<Rank>{2, 3}));
    expect(all.topology().some_share(), "three of four");
    expect(half.topology().hosts().size() == 2, "not on the board");
    for (int round = 0; round < 20; ++round) {
      // The halves come to be at different numbers of calls.
      for (int i = 0; i < (rank < 2 ? 3 : 1); ++i) {
        std::vector<float> data(3000, 1.0f);
        must(allreduce(half, {.data = std::as_writable_bytes(std::span(data))}));
        expect(data[0] == 2.0f && data[2999] == 2.0f, "two ones");
      }
      std::vector<float> data(3000, 1.0f);
      must(allreduce(all, {.data = std::as_writable_bytes(std::span(data))}));
      expect(data[0] == 4.0f && data[2999] == 4.0f, "four ones");
    }
  });
}

// docs/collectives.md: the cost sheet.
TEST_CASE("on a board an all-reduce takes the steps and bytes of the cost sheet", "[collective]") {
  const auto world = GENERATE(2u, 3u, 4u, 8u);
  const std::size_t bytes = world * 4096;
  const auto cost_of = [&](Algorithm algorithm, std::size_t piece_bytes) {
    const GangOptions gang = {.world_size = world, .host_of = std::vector<Rank>(world)};
    const auto call = [&](Communicator& communicator) {
      Data data(bytes);
      return algorithm(communicator, {.data = data});
    };
    return cost(gang, call, {.chunk_bytes = bytes, .round_bytes = piece_bytes * world});
  };
  const Counters flat = cost_of(flat_allreduce, 1024);
  CHECK(flat.steps == 1);
  CHECK(flat.bytes_sent == bytes + kCallBytes);
  const Counters one_round = cost_of(staged_allreduce, 4096);
  CHECK(one_round.steps == 2);
  CHECK(one_round.bytes_sent == bytes + kCallBytes);
  const Counters four_rounds = cost_of(staged_allreduce, 1024);
  CHECK(four_rounds.steps <= 4 + 1);
  CHECK(four_rounds.bytes_sent == bytes + kCallBytes);
}

TEST_CASE("a hierarchical all-reduce takes the steps and bytes of the cost sheet", "[collective]") {
  const auto hosts = GENERATE(2u, 3u);
  const auto ranks = GENERATE(2u, 3u);  // Of each host.
  const std::uint32_t world = hosts * ranks;
  const std::size_t bytes = world * 400;
  GangOptions gang = {.world_size = world};
  for (Rank rank = 0; rank < world; ++rank) gang.host_of.push_back(rank / ranks);
  const Counters most = cost(gang, [&](Communicator& communicator) {
    Data data(bytes);
    return hierarchical_allreduce(communicator, {.data = data});
  });
  // In one round each: reduced in memory, around the ring of hosts, taken from memory.
  CHECK(most.steps == 1 + 2 * (hosts - 1) + 1);
  const std::uint64_t across = 2 * (hosts - 1) * (bytes / ranks / hosts) + kCallBytes;
  CHECK(most.bytes_sent == bytes + kCallBytes + across);
}

TEST_CASE("ranks find out that one is in shared memory and another at its links", "[collective]") {
  const auto sooner = GENERATE(0u, 1u);
  std::vector<Error> errors(3);
  const auto begin = steady_clock::now();
  spawn({.kind = Kind::kShm, .world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    const Rank rank = mesh->rank();
    Communicator communicator(std::move(mesh), {.stall_timeout = 20s});
    must(sum_of(communicator, 100));
    if (rank % 2 != sooner) std::this_thread::sleep_for(20ms);
    std::array<std::byte, 1> byte{};
    errors[rank] = must_fail(rank == 1 ? broadcast(communicator, {.data = byte, .root = 0})
                                       : sum_of(communicator, 100));
  });
  CHECK(steady_clock::now() - begin < 5s);
  const bool found = std::any_of(errors.begin(), errors.end(), [](const Error& error) {
    return error.code == Code::kFailedPrecondition &&
           error.message.find("all ranks must make the same calls") != std::string::npos;
  });
  CHECK(found);
}

// What bears our name outside of processes: files of shared memory, and sockets of our meetings.
std::vector<std::string> names_left(pid_t process) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    if (entry.path().string().find("dl-worker") != std::string::npos) names.push_back(entry.path());
  }
  std::ifstream sockets("/proc/net/unix");
  for (std::string line; std::getline(sockets, line);) {
    const std::string name = "@dl-worker-" + std::to_string(process) + "-";
    if (line.find(name) != std::string::npos) names.push_back(line);
  }
  return names;
}

Result<std::unique_ptr<Mesh>> connect_rank(Rank rank,
                                           const std::vector<transport::tcp::PeerAddress>& peers) {
  DL_TRY(auto mesh, transport::tcp::connect({.rank = rank, .peers = peers, .secret = "s"}));
  return transport::shm::connect(std::move(mesh), {.secret = "s"});
}

TEST_CASE("a process killed in shared memory is named within a second, and leaves nothing",
          "[collective]") {
  // In a piece of one round, or in the middle of many.
  const auto elements = GENERATE(1000u, 500000u);
  // The one that made the memory, or another.
  const Rank victim = GENERATE(0u, 2u);
  const pid_t child = check_killed_rank_is_named(
      {.victim = victim, .elements = elements, .rounds = 30, .connect = connect_rank});
  CHECK(names_left(child).empty());
  CHECK(names_left(::getpid()).empty());
}

}  // namespace
}  // namespace dl::worker::collective
