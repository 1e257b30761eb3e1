// Rings, bells and boards, on memory that threads share at one address, so that a thread sanitizer
// sees both sides of it.

#include "worker/transport/shm/mesh.h"

#include <time.h>

#include <barrier>
#include <catch2/catch.hpp>
#include <latch>
#include <random>
#include <thread>

#include "worker/transport/inproc/connect.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::transport::shm {
namespace {

using namespace std::chrono_literals;
using testing::expect;
using testing::in;
using testing::must;
using testing::must_fail;
using testing::spawn;

std::byte pattern(std::size_t i) { return static_cast<std::byte>(i * 7 + i / 251); }

// Runs fn on each rank, with links of `ring_bytes`.
void share(std::uint32_t world, std::size_t ring_bytes, std::chrono::microseconds look,
           const testing::RankFn& fn) {
  const auto segment =
      Segment::create({.ranks = world, .ring_bytes = ring_bytes, .block_bytes = 4096}, {});
  REQUIRE(segment.has_value());
  spawn({.world_size = world}, [&](std::unique_ptr<Mesh> base) {
    fn(std::make_unique<ShmMesh>(std::move(base), Placement{std::vector<Rank>(world, 0)}, *segment,
                                 look));
  });
}

// Of this thread.
std::chrono::nanoseconds processor_time() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

TEST_CASE("a ring keeps bytes in order wherever it wraps around", "[transport]") {
  const auto segment = Segment::create({.ranks = 2, .ring_bytes = 64, .block_bytes = 64}, {});
  REQUIRE(segment.has_value());
  RingWriter writer((*segment)->ring_ends(0, 1), (*segment)->ring(0, 1));
  RingReader reader((*segment)->ring_ends(0, 1), (*segment)->ring(0, 1));
  std::minstd_rand random(1);
  std::size_t written = 0;
  std::size_t read = 0;
  for (int i = 0; i < 10000; ++i) {
    std::array<std::byte, 100> bytes;
    const std::size_t n = random() % bytes.size();
    for (std::size_t k = 0; k < n; ++k) bytes[k] = pattern(written + k);
    const std::size_t room = 64 - (written - read);
    REQUIRE(writer.has_room() == (room > 0));
    const std::array<ConstBytes, 2> from = {ConstBytes(bytes).first(n / 2),
                                            ConstBytes(bytes).first(n).subspan(n / 2)};
    const std::size_t moved = writer.write(from);
    REQUIRE(moved == std::min(n, room));
    written += moved;

    REQUIRE(reader.has_bytes() == (written > read));
    const std::size_t wanted = random() % bytes.size();
    const std::size_t got = reader.read(std::array<Bytes, 1>{Bytes(bytes).first(wanted)});
    REQUIRE(got == std::min(wanted, written - read));
    for (std::size_t k = 0; k < got; ++k) REQUIRE(bytes[k] == pattern(read + k));
    read += got;
  }
}

TEST_CASE("ranks that sleep at every turn miss no bell", "[transport]") {
  // A ring of 64 bytes, and no look before they sleep: each message is several bells, both ways.
  const std::size_t bytes = 200;
  const int rounds = 500;
  share(3, 64, 0us, [&](std::unique_ptr<Mesh> mesh) {
    const Rank next = (mesh->rank() + 1) % 3;
    const Rank previous = (mesh->rank() + 2) % 3;
    for (int round = 0; round < rounds; ++round) {
      std::vector<std::byte> token(bytes);
      if (mesh->rank() > 0 || round > 0) must(receive_all(*mesh, previous, token, in(10s)));
      for (std::size_t i = 0; i < bytes; ++i) {
        if (mesh->rank() > 0 || round > 0) expect(token[i] == pattern(i), "as it was sent");
        token[i] = pattern(i);
      }
      must(send_all(*mesh, next, token, in(10s)));
    }
    if (mesh->rank() == 0) {
      std::vector<std::byte> last(bytes);
      must(receive_all(*mesh, previous, last, in(10s)));
    }
    expect(mesh->counters().bytes_sent == bytes * rounds, "bells do not count");
  });
}

TEST_CASE("a rank that waits for long takes no processor time", "[transport]") {
  share(2, 4096, 1000us, [&](std::unique_ptr<Mesh> mesh) {
    std::array<std::byte, 1> byte{};
    if (mesh->rank() == 1) {
      std::this_thread::sleep_for(500ms);
      return must(send_all(*mesh, 0, byte, in(10s)));
    }
    const auto begin = processor_time();
    must(receive_all(*mesh, 1, byte, in(10s)));
    expect(processor_time() - begin < 50ms, "it slept");
  });
}

TEST_CASE("a rank whose waits are longer than its looks stops looking", "[transport]") {
  share(2, 4096, 10ms, [&](std::unique_ptr<Mesh> mesh) {
    const int rounds = 20;
    std::array<std::byte, 1> byte{};
    const auto begin = processor_time();
    for (int round = 0; round < rounds; ++round) {
      if (mesh->rank() == 1) {
        std::this_thread::sleep_for(15ms);
        must(send_all(*mesh, 0, byte, in(10s)));
      } else {
        must(receive_all(*mesh, 1, byte, in(10s)));
      }
    }
    expect(processor_time() - begin < 60ms, "two looks and what is left of the others");
  });
}

TEST_CASE("what a rank sent before it left is still received", "[transport]") {
  std::latch left(1);
  share(2, 4096, 1000us, [&](std::unique_ptr<Mesh> mesh) {
    std::vector<std::byte> bytes(3000);
    if (mesh->rank() == 1) {
      for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = pattern(i);
      must(send_all(*mesh, 0, bytes, in(10s)));
      mesh.reset();
      return left.count_down();
    }
    left.wait();
    must(receive_all(*mesh, 1, bytes, in(10s)));
    for (std::size_t i = 0; i < bytes.size(); ++i) expect(bytes[i] == pattern(i), "all of it");
    const Error error = must_fail(receive_all(*mesh, 1, bytes, in(10s)));
    expect(error.code == Code::kUnavailable, "then it is gone");
    const Error sending = must_fail(mesh->send_some(1, std::array<ConstBytes, 1>{bytes}));
    expect(sending == error, "for sending too");
  });
}

TEST_CASE("what a rank wrote before it posted is there for who has awaited it", "[transport]") {
  const auto look = GENERATE(0us, 1000us);
  const std::uint64_t rounds = 300;
  share(3, 64, look, [&](std::unique_ptr<Mesh> mesh) {
    Board& board = *mesh->board();
    const Bytes mine = board.block(mesh->rank());
    for (std::uint64_t round = 1; round <= rounds; ++round) {
      // Places in turn: a rank is at most one round ahead.
      const std::size_t place = round % 2 * 2048;
      for (std::size_t i = 0; i < 2048; ++i) mine[place + i] = pattern(i + round + mesh->rank());
      board.post(round, 2048);
      for (const Rank rank : board.ranks()) {
        must(board.await(rank, round, in(10s)));
        const Bytes theirs = board.block(rank).subspan(place, 2048);
        for (std::size_t i = 0; i < 2048; i += 97) {
          expect(theirs[i] == pattern(i + round + rank), "as it was posted");
        }
      }
    }
    expect(mesh->counters().bytes_sent == rounds * 2048, "what was posted counts");
  });
}

TEST_CASE("a rank that leaves ends the wait for its next post", "[transport]") {
  std::vector<Error> errors(2);
  std::barrier both(2);
  share(3, 64, 1000us, [&](std::unique_ptr<Mesh> mesh) {
    Board& board = *mesh->board();
    if (mesh->rank() == 2) return board.post(1, 0);
    must(board.await(2, 1, in(10s)));
    errors[mesh->rank()] = must_fail(board.await(2, 2, in(10s)));
    const Error late = must_fail(board.await(1 - mesh->rank(), 1, in(50ms)));
    expect(late.code == Code::kDeadlineExceeded, "no wait without an end");
    both.arrive_and_wait();
  });
  for (const Error& error : errors) {
    CHECK(error.code == Code::kUnavailable);
    CHECK_THAT(error.message, Catch::StartsWith("rank 2 (") && Catch::Contains("left"));
  }
}

}  // namespace
}  // namespace dl::worker::transport::shm
