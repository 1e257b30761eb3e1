// Gather, scatter, all-to-all and messages between two ranks: every byte goes where it should, by
// the steps and bytes of the cost sheet.

#include <catch2/catch.hpp>

#include "worker/collective/all_to_all.h"
#include "worker/collective/barrier.h"
#include "worker/collective/gather_scatter.h"
#include "worker/collective/send_receive.h"
#include "worker/collective/testing/gangs.h"

namespace dl::worker::collective {
namespace {

using namespace testing;
using transport::Bytes;
using transport::ConstBytes;
using transport::Counters;
using transport::Mesh;
using transport::Rank;
using Data = std::vector<std::byte>;

// What rank `from` has for rank `to`.
Data message(Rank from, Rank to, std::size_t bytes) {
  Data data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    data[i] = static_cast<std::byte>(i * 31 + from * 7 + to * 13 + 1);
  }
  return data;
}

Data messages_to(Rank to, std::uint32_t world, std::size_t bytes) {
  Data all;
  for (Rank from = 0; from < world; ++from) {
    const Data one = message(from, to, bytes);
    all.insert(all.end(), one.begin(), one.end());
  }
  return all;
}

TEST_CASE("gather brings the blocks of all to the root, scatter one from there to each",
          "[collective]") {
  const GangOptions gang = any_gang();
  const std::uint32_t world = gang.world_size;
  spawn_communicators(gang, [&](Communicator& communicator) {
    const Rank self = communicator.rank();
    for (Rank root = 0; root < world; ++root) {
      for (const std::size_t bytes : {0, 1, 100001}) {
        Data all(self == root ? world * bytes : 0);
        must(gather(communicator, {.block = message(self, 9, bytes), .all = all, .root = root}));
        if (self != root) {
          expect(all.empty(), "only the root gathers");
        } else {
          expect(all == messages_to(9, world, bytes), "the blocks in the order of ranks");
        }
        Data block(bytes);
        must(scatter(communicator, {.all = all, .block = block, .root = root}));
        expect(block == message(self, 9, bytes), "each has its own back");
      }
    }
    Data block(8);
    expect(must_fail(gather(communicator, {.block = block, .all = {}, .root = world})).code ==
               Code::kInvalidArgument,
           "there is no such root");
    const Bytes third = Bytes(block).first(3);
    expect(must_fail(scatter(communicator, {.all = block, .block = third, .root = self})).code ==
               Code::kInvalidArgument,
           "a block a rank");
  });
}

TEST_CASE("all-to-all brings every message to the rank it is meant for, whatever its size",
          "[collective]") {
  const GangOptions gang = any_gang();
  const std::uint32_t world = gang.world_size;
  spawn_communicators(gang, [&](Communicator& communicator) {
    const Rank self = communicator.rank();
    const auto size = [](Rank from, Rank to) { return (from * 5 + to) * 10007; };
    std::vector<Data> out(world), in(world);
    for (Rank peer = 0; peer < world; ++peer) {
      out[peer] = message(self, peer, size(self, peer));
      in[peer].resize(size(peer, self));
    }
    const std::vector<ConstBytes> send(out.begin(), out.end());
    const std::vector<Bytes> receive(in.begin(), in.end());
    must(all_to_all(communicator, {.send = send, .receive = receive}));
    for (Rank peer = 0; peer < world; ++peer) {
      expect(in[peer] == message(peer, self, size(peer, self)), "what the peer had for this rank");
    }
    expect(must_fail(all_to_all(communicator, {.send = send})).code == Code::kInvalidArgument,
           "each rank has its place");
  });
}

TEST_CASE("messages between two ranks come in order, and are no business of a third",
          "[collective]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp);
  spawn_communicators({.kind = kind, .world_size = 3}, [](Communicator& communicator) {
    const Rank self = communicator.rank();
    for (const std::uint32_t tag : {0u, 5u, 4u}) {
      if (self == 0) {
        must(send(communicator, {.data = message(0, tag, 70000), .to = 2, .tag = tag}));
      } else if (self == 2) {
        Data data(70000);
        must(receive(communicator, {.data = data, .from = 0, .tag = tag}));
        expect(data == message(0, tag, 70000), "the messages in their order");
      }
    }
    must(barrier(communicator));
    const Data data(8);
    expect(must_fail(send(communicator, {.data = data, .to = self})).code == Code::kInvalidArgument,
           "there is no link to oneself");
  });
}

TEST_CASE("a message that is not the one asked for is refused by size, tag and label",
          "[collective]") {
  Error error;
  spawn_communicators({.world_size = 2}, [&](Communicator& communicator) {
    Data data(communicator.rank() == 0 ? 16 : 24);
    if (communicator.rank() == 0) {
      must(send(communicator, {.data = data, .to = 1, .tag = 3}));
      (void)must_fail(barrier(communicator));
    } else {
      error = must_fail(
          receive(communicator, {.data = data, .from = 0, .tag = 4, .label = "activations"}));
    }
  });
  CHECK(error.code == Code::kFailedPrecondition);
  CHECK_THAT(
      error.message,
      Catch::StartsWith("message 1 (24 bytes, tag 4; activations) failed on rank 1: rank 0") &&
          Catch::Contains("is in message 1 (16 bytes, tag 3), this rank in message 1 (24"));
}

// docs/collectives.md: the cost sheet.
TEST_CASE("gather, scatter, all-to-all and messages take the steps and bytes of the cost sheet",
          "[collective]") {
  const auto world = GENERATE(2u, 3u, 8u);
  const std::size_t bytes = 20000;
  const GangOptions gang = {.world_size = world};
  Data any(world * bytes);
  const Counters gathered = cost(gang, [&](Communicator& communicator) {
    const Rank rank = communicator.rank();
    Data all(rank == 0 ? world * bytes : 0);
    return gather(communicator, {.block = ConstBytes(any).first(bytes), .all = all});
  });
  CHECK(gathered.steps == 1);
  CHECK(gathered.bytes_sent == bytes + kCallBytes);
  CHECK(gathered.bytes_received == (world - 1) * (bytes + kCallBytes));
  const Counters scattered = cost(gang, [&](Communicator& communicator) {
    const Rank rank = communicator.rank();
    Data block(bytes);
    return scatter(communicator, {.all = rank == 0 ? any : ConstBytes(), .block = block});
  });
  CHECK(scattered.steps == 1);
  CHECK(scattered.bytes_sent == (world - 1) * (bytes + kCallBytes));
  CHECK(scattered.bytes_received == bytes + kCallBytes);
  const Counters exchanged = cost(gang, [&](Communicator& communicator) {
    Data in(bytes);
    const std::vector<ConstBytes> send(world, ConstBytes(any).first(bytes));
    const std::vector<Bytes> receive(world, in);
    return all_to_all(communicator, {.send = send, .receive = receive});
  });
  CHECK(exchanged.steps == 1);
  CHECK(exchanged.bytes_sent == (world - 1) * (bytes + kCallBytes));
  const Counters sent = cost(gang, [&](Communicator& communicator) -> Result<void> {
    const Rank rank = communicator.rank();
    Data in(bytes);
    if (rank == 0) return send(communicator, {.data = ConstBytes(any).first(bytes), .to = 1});
    if (rank == 1) return receive(communicator, {.data = in, .from = 0});
    return {};
  });
  CHECK(sent.steps == 1);
  CHECK(sent.bytes_sent == bytes + kCallBytes);
}

}  // namespace
}  // namespace dl::worker::collective
