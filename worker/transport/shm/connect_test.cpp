// Who gets to share memory, and who does not.

#include "worker/transport/shm/connect.h"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "worker/transport/board.h"
#include "worker/transport/shm/meeting.h"
#include "worker/transport/shm/segment.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::transport::shm {
namespace {

using namespace std::chrono_literals;
using testing::exchange_numbers;
using testing::expect;
using testing::GangOptions;
using testing::in;
using testing::Kind;
using testing::must;
using testing::spawn;

TEST_CASE("ranks share memory with those of their host, and reach the others as before",
          "[transport]") {
  const GangOptions gang = {.kind = Kind::kShm, .world_size = 5, .host_of = {7, 8, 7, 8, 9}};
  spawn(gang, [](std::unique_ptr<Mesh> mesh) {
    const std::vector<Rank> lowest = {0, 1, 0, 1, 4};
    for (Rank rank = 0; rank < 5; ++rank) expect(mesh->host_of(rank) == lowest[rank], "its host");
    if (mesh->rank() == 4) {
      expect(mesh->board() == nullptr, "rank 4 is alone");
    } else {
      const auto ranks = mesh->board()->ranks();
      const Rank first = mesh->rank() % 2;
      expect(std::vector(ranks.begin(), ranks.end()) == std::vector<Rank>{first, first + 2},
             "the two of a host");
    }
    exchange_numbers(*mesh);
    expect(mesh->counters().bytes_sent == 8, "setting up does not count");
  });
}

// A rank whose thread has gone to a network namespace of its own cannot call the others' socket.
TEST_CASE("a rank that says it is on this host, and cannot show it, keeps its links",
          "[transport]") {
  const auto stray = GENERATE(0u, 1u);
  std::atomic<bool> possible = true;
  spawn({.world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    if (mesh->rank() == stray && ::unshare(CLONE_NEWNET) != 0) possible = false;
    exchange_numbers(*mesh);
    if (!possible) return;
    const auto shared = must(connect(std::move(mesh), {.secret = "s", .host = "said to be"}));
    for (Rank rank = 0; rank < 3; ++rank) expect(shared->host_of(rank) == rank, "nothing shared");
    expect(shared->board() == nullptr, "nor a board");
    exchange_numbers(*shared);
  });
  if (!possible) WARN("needs the right to make a network namespace; not tested");
}

TEST_CASE("ranks that are told nothing find out that they are on one host", "[transport]") {
  spawn({.world_size = 2}, [](std::unique_ptr<Mesh> mesh) {
    const auto shared = must(connect(std::move(mesh), {.secret = "s"}));
    expect(shared->host_of(1) == 0, "one host");
    exchange_numbers(*shared);
  });
}

TEST_CASE("who does not know the secret gets no memory, and does not keep the true peer out",
          "[transport]") {
  auto meeting = Meeting::open(4);
  REQUIRE(meeting.has_value());
  const auto segment = Segment::create({.ranks = 2, .ring_bytes = 64, .block_bytes = 64}, {});
  REQUIRE(segment.has_value());
  auto served = std::async(std::launch::async, [&] {
    return meeting->serve({.rank = 0, .world_size = 2, .secret = "true"}, (*segment)->fd(),
                          in(10s));
  });
  auto silent = call_meeting(meeting->name());
  REQUIRE(silent.has_value());
  silent = tcp::Socket();  // Called and said nothing.
  auto foreign = call_meeting(meeting->name());
  REQUIRE(foreign.has_value());
  const auto refused =
      receive_memory(*foreign, {.rank = 1, .world_size = 2, .secret = "guessed"}, 0, in(5s));
  REQUIRE(refused.has_error());
  CHECK(refused.error().code == Code::kPermissionDenied);

  auto peer = call_meeting(meeting->name());
  REQUIRE(peer.has_value());
  CHECK(
      receive_memory(*peer, {.rank = 1, .world_size = 2, .secret = "true"}, 0, in(5s)).has_value());
  const auto guest = served.get();
  REQUIRE(guest.has_value());
  CHECK(*guest == 1);
}

TEST_CASE("nobody answers for a meeting that is over", "[transport]") {
  std::string name;
  {
    const auto meeting = Meeting::open(1);
    REQUIRE(meeting.has_value());
    name = meeting->name();
    CHECK(name.size() < kMeetingNameBytes);
    CHECK(name != Meeting::open(1)->name());
  }
  CHECK(call_meeting(name).has_error());
}

tcp::Socket copy_of(int fd) { return tcp::Socket(::dup(fd)); }

TEST_CASE("memory that is not this attempt's is not taken", "[transport]") {
  const Layout layout = {.ranks = 3, .ring_bytes = 128, .block_bytes = 64};
  const Nonce token = make_nonce();
  const auto segment = Segment::create(layout, token);
  REQUIRE(segment.has_value());
  CHECK(Segment::open(copy_of((*segment)->fd()), layout, token).has_value());

  const auto other_token = Segment::open(copy_of((*segment)->fd()), layout, make_nonce());
  REQUIRE(other_token.has_error());
  CHECK(other_token.error().code == Code::kPermissionDenied);
  Layout other = layout;
  other.ranks = 4;
  CHECK(Segment::open(copy_of((*segment)->fd()), other, token).has_error());
  // Whoever could cut it short could end the others by SIGBUS.
  tcp::Socket unsealed(::memfd_create("test", MFD_CLOEXEC));
  REQUIRE(::ftruncate(unsealed.fd(), static_cast<off_t>(layout.segment_bytes())) == 0);
  CHECK(Segment::open(std::move(unsealed), layout, token).has_error());
  CHECK(::ftruncate((*segment)->fd(), 0) != 0);
}

}  // namespace
}  // namespace dl::worker::transport::shm
