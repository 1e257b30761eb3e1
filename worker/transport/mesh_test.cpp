// What every mesh promises, over each transport.

#include "worker/transport/mesh.h"

#include <barrier>
#include <catch2/catch.hpp>
#include <mutex>
#include <numeric>
#include <thread>

#include "worker/transport/departure.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::transport {
namespace {

using namespace std::chrono_literals;
using testing::expect;
using testing::in;
using testing::Kind;
using testing::must;
using testing::must_fail;
using testing::spawn;

std::vector<std::byte> pattern(std::size_t bytes) {
  std::vector<std::byte> data(bytes);
  for (std::size_t i = 0; i < bytes; ++i) data[i] = static_cast<std::byte>(i * 7 + i / 251);
  return data;
}

// Keeps a rank's links open until the others have come to their end, whatever that was.
struct LeaveTogether {
  std::barrier<>& others;
  ~LeaveTogether() { others.arrive_and_wait(); }
};

TEST_CASE("spans are scattered and gathered in order, however the link cuts them", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  const auto data = pattern(5 << 20);
  spawn({.kind = kind, .link_bytes = 1000}, [&](std::unique_ptr<Mesh> mesh) {
    std::size_t done = 0;
    std::vector<std::byte> received(data.size());
    const Interest interest = {1 - mesh->rank(),
                               mesh->rank() == 0 ? Direction::kSend : Direction::kReceive};
    while (done < data.size()) {
      // Three parts of uneven size, one of them empty.
      const std::size_t rest = data.size() - done;
      const std::size_t cut = std::min<std::size_t>(rest, 777);
      const ConstBytes from = ConstBytes(data).subspan(done);
      const Bytes to = Bytes(received).subspan(done);
      const std::size_t moved =
          must(mesh->rank() == 0
                   ? mesh->send_some(1, std::array<ConstBytes, 3>{from.first(cut), ConstBytes(),
                                                                  from.subspan(cut)})
                   : mesh->receive_some(
                         0, std::array<Bytes, 3>{to.first(cut), Bytes(), to.subspan(cut)}));
      done += moved;
      if (moved == 0) must(mesh->wait({&interest, 1}, in(10s)));
    }
    expect(mesh->rank() == 0 || received == data, "what was sent is what is received");
    const Counters counters = mesh->counters();
    expect((mesh->rank() == 0 ? counters.bytes_sent : counters.bytes_received) == data.size(),
           "every byte counts once");
  });
}

TEST_CASE("a wait in vain ends at its deadline and names the peer", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  std::barrier both(2);
  Error error;
  spawn({.kind = kind}, [&](std::unique_ptr<Mesh> mesh) {
    const LeaveTogether together{both};
    if (mesh->rank() == 0) {
      std::array<std::byte, 1> byte;
      error = must_fail(receive_all(*mesh, 1, byte, in(50ms)));
    }
  });
  CHECK(error.code == Code::kDeadlineExceeded);
  CHECK_THAT(error.message, Catch::StartsWith("waited in vain for data from rank 1 ("));
}

TEST_CASE("who has said farewell does not disturb those that go on", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  Error still_needed;
  std::barrier two(2);
  spawn({.kind = kind, .world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    if (mesh->rank() == 2) return;
    const LeaveTogether together{two};
    std::array<std::byte, 1> byte{};
    // Rank 0 waits, with rank 2's farewell on another link.
    if (mesh->rank() == 0) {
      must(receive_all(*mesh, 1, byte, in(10s)));
      still_needed = must_fail(receive_all(*mesh, 2, byte, in(10s)));
    } else {
      const Error never = must_fail(receive_all(*mesh, 0, byte, in(100ms)));
      expect(never.code == Code::kDeadlineExceeded, "rank 2's farewell is no failure");
      must(send_all(*mesh, 0, byte, in(10s)));
    }
  });
  CHECK(still_needed.code == Code::kUnavailable);
  CHECK_THAT(still_needed.message, Catch::StartsWith("rank 2") &&
                                       Catch::Contains("has finished and left while it was still "
                                                       "needed"));
}

TEST_CASE("who gives up fails all that wait, and says who caused it", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  std::vector<Error> errors(3);
  spawn({.kind = kind, .world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    std::array<std::byte, 100> bytes{};
    const Rank rank = mesh->rank();
    if (rank == 2) {
      // In the middle of a message: the notice must not be taken for the rest of it.
      must(send_all(*mesh, 1, ConstBytes(bytes).first(50), in(10s)));
      return mesh->abort();
    }
    // Rank 0 waits for rank 1, which does not know it; rank 2 is the cause all the same.
    errors[rank] = must_fail(receive_all(*mesh, rank == 1 ? 2 : 1, bytes, in(10s)));
    mesh->abort();
  });
  for (const Rank rank : {0u, 1u}) {
    CHECK(errors[rank].code == Code::kUnavailable);
    CHECK_THAT(errors[rank].message, Catch::StartsWith("rank 2 ("));
  }
}

TEST_CASE("once a peer is found to have given up, no wait is for anyone else", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  std::barrier two(2);
  spawn({.kind = kind, .world_size = 3}, [&](std::unique_ptr<Mesh> mesh) {
    if (mesh->rank() == 2) return mesh->abort();
    const LeaveTogether together{two};
    std::array<std::byte, 1> byte{};
    const Error first = must_fail(receive_all(*mesh, 2, byte, in(10s)));
    const Error again = must_fail(receive_all(*mesh, 1 - mesh->rank(), byte, in(10s)));
    expect(again.code == Code::kUnavailable, "not a deadline");
    expect(again == first, "for the same reason");
  });
}

TEST_CASE("abort from another thread ends a wait", "[transport]") {
  const auto kind = GENERATE(Kind::kInproc, Kind::kTcp, Kind::kShm);
  std::barrier both(2);
  Error error;
  spawn({.kind = kind}, [&](std::unique_ptr<Mesh> mesh) {
    const LeaveTogether together{both};
    if (mesh->rank() == 0) {
      std::thread other([&] { mesh->abort(); });
      std::array<std::byte, 1> byte;
      error = must_fail(receive_all(*mesh, 1, byte, in(10s)));
      other.join();
    }
  });
  CHECK(error.code == Code::kCancelled);
}

TEST_CASE("a killed rank of the in-process network is gone without a farewell", "[transport]") {
  const auto network = inproc::make_network({.world_size = 2});
  const auto first = inproc::connect(network, 0);
  const auto second = inproc::connect(network, 1);
  REQUIRE(first.has_value());
  inproc::kill(*network, 1);
  std::array<std::byte, 1> byte;
  const auto got = receive_all(**first, 1, byte, in(10s));
  REQUIRE(!got.has_value());
  CHECK_THAT(got.error().message, Catch::StartsWith("rank 1 (in this process) is gone: its "
                                                    "connection ended without a farewell"));
  CHECK(inproc::connect(network, 1).error().code == Code::kInvalidArgument);
  CHECK(inproc::connect(network, 2).error().code == Code::kInvalidArgument);
}

TEST_CASE("a notice is read back as it was written, and nothing else for one", "[transport]") {
  const Notice notice = encode_notice({.kind = DepartureKind::kGaveUp, .culprit = 70000});
  const Departure departure = decode_notice(notice);
  CHECK(departure.kind == DepartureKind::kGaveUp);
  CHECK(departure.culprit == 70000);
  CHECK(decode_notice(pattern(kNoticeBytes)).kind == DepartureKind::kLost);
  CHECK(decode_notice(std::span(notice).first(7)).kind == DepartureKind::kLost);
  CHECK(decode_notice({}).kind == DepartureKind::kLost);
}

}  // namespace
}  // namespace dl::worker::transport
