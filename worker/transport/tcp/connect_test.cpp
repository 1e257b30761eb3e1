#include "worker/transport/tcp/connect.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <future>
#include <thread>

#include "worker/transport/tcp/handshake.h"
#include "worker/transport/tcp/mesh.h"
#include "worker/transport/tcp/socket.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::transport::tcp {
namespace {

using namespace std::chrono_literals;
using testing::free_addresses;
using testing::in;
using testing::must;
using MeshResult = Result<std::unique_ptr<Mesh>>;

std::future<MeshResult> connect_later(const ConnectOptions& options) {
  return std::async(std::launch::async, [options] { return connect(options); });
}

std::string text(const PeerAddress& address) {
  return address.host + ":" + std::to_string(address.port);
}

TEST_CASE("ranks that start at different times find one another", "[transport]") {
  const auto peers = free_addresses(3);
  auto last = connect_later({.rank = 2, .peers = peers, .secret = "s"});
  auto middle = connect_later({.rank = 1, .peers = peers, .secret = "s"});
  // Both have dialled rank 0 in vain by now, or are about to.
  CHECK(last.wait_for(50ms) == std::future_status::timeout);
  MeshResult first = connect({.rank = 0, .peers = peers, .secret = "s"});
  REQUIRE(first.has_value());
  const MeshResult second = middle.get();
  const MeshResult third = last.get();
  REQUIRE(second.has_value());
  REQUIRE(third.has_value());
  CHECK((*third)->rank() == 2);
  CHECK((*third)->world_size() == 3);
  CHECK((*third)->describe(0) == "rank 0 (" + text(peers[0]) + ")");

  const std::array<std::byte, 3> sent = {std::byte{1}, std::byte{2}, std::byte{3}};
  std::array<std::byte, 3> received{};
  REQUIRE(send_all(**first, 2, sent, in(10s)).has_value());
  REQUIRE(receive_all(**third, 0, received, in(10s)).has_value());
  CHECK(sent == received);
}

TEST_CASE("a peer that never comes is named with its address", "[transport]") {
  const auto peers = free_addresses(2);
  const MeshResult dialling =
      connect({.rank = 1, .peers = peers, .secret = "s", .connect_timeout = 200ms});
  REQUIRE(!dialling.has_value());
  CHECK(dialling.error().code == Code::kDeadlineExceeded);
  CHECK(dialling.error().message == "rank 0 at " + text(peers[0]) +
                                        " did not come within 200 ms; last: connect to " +
                                        text(peers[0]) + ": Connection refused");
  const MeshResult listening =
      connect({.rank = 0, .peers = peers, .secret = "s", .connect_timeout = 200ms});
  REQUIRE(!listening.has_value());
  CHECK(listening.error().message ==
        "rank 1 at " + text(peers[1]) + " did not come within 200 ms; last: nobody has called");
}

TEST_CASE("a port in use is named", "[transport]") {
  const auto peers = free_addresses(2);
  const auto holder = listen_on(peers[0].host, peers[0].port, 1);
  REQUIRE(holder.has_value());
  const MeshResult mesh = connect({.rank = 0, .peers = peers, .secret = "s"});
  REQUIRE(!mesh.has_value());
  CHECK(mesh.error().code == Code::kAlreadyExists);
  CHECK_THAT(mesh.error().message, Catch::StartsWith("rank 0: listen on " + text(peers[0]) +
                                                     ": the port is in use by another process"));
}

TEST_CASE(
    "a process of an older attempt is refused and told why, and does not keep the true peer out",
    "[transport]") {
  const auto peers = free_addresses(2);
  auto first = connect_later({.rank = 0, .peers = peers, .secret = "attempt 2"});
  const MeshResult stale =
      connect({.rank = 1, .peers = peers, .secret = "attempt 1", .connect_timeout = 300ms});
  REQUIRE(!stale.has_value());
  CHECK_THAT(stale.error().message,
             Catch::Contains("it does not know this attempt's secret: it belongs to another job or "
                             "to an older attempt"));
  const MeshResult second = connect({.rank = 1, .peers = peers, .secret = "attempt 2"});
  CHECK(second.has_value());
  CHECK(first.get().has_value());
}

TEST_CASE("who listens with the wrong secret is not believed", "[transport]") {
  const auto peers = free_addresses(2);
  auto impostor =
      connect_later({.rank = 0, .peers = peers, .secret = "guessed", .connect_timeout = 500ms});
  const MeshResult mesh =
      connect({.rank = 1, .peers = peers, .secret = "true", .connect_timeout = 300ms});
  REQUIRE(!mesh.has_value());
  CHECK(mesh.error().code == Code::kDeadlineExceeded);
  const MeshResult turned_away = impostor.get();
  REQUIRE(!turned_away.has_value());
  CHECK_THAT(turned_away.error().message, Catch::Contains("turned away 127.0.0.1:"));
}

// What a listener answers to `bytes`.
std::string answer_to(const PeerAddress& address, std::string_view bytes) {
  auto socket = dial(address.host, address.port, in(10s));
  REQUIRE(socket.has_value());
  REQUIRE(socket->send(std::as_bytes(std::span(bytes)), in(10s)).has_value());
  std::array<std::byte, kFrameHeadBytes> head_bytes;
  REQUIRE(socket->receive(head_bytes, in(10s)).has_value());
  const auto head = decode_frame_head(head_bytes);
  REQUIRE(head.has_value());
  REQUIRE(head->kind == FrameKind::kRefusal);
  std::string body(head->body_bytes, '\0');
  REQUIRE(socket->receive(std::as_writable_bytes(std::span(body)), in(10s)).has_value());
  return body.substr(1);
}

TEST_CASE("a foreign process is told that this is no place for it", "[transport]") {
  const auto peers = free_addresses(2);
  auto first = connect_later({.rank = 0, .peers = peers, .secret = "s"});
  auto dialled = dial(peers[0].host, peers[0].port, in(10s));
  while (!dialled) dialled = dial(peers[0].host, peers[0].port, in(10s));
  dialled = Socket();  // Called and said nothing: the next in line is heard all the same.

  CHECK(answer_to(peers[0], "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") ==
        "it does not speak the workers' protocol");
  auto old_hello = encode_frame(FrameKind::kHello, {});
  old_hello[8] = std::byte{99};
  CHECK_THAT(
      answer_to(peers[0], {reinterpret_cast<const char*>(old_hello.data()), old_hello.size()}),
      Catch::StartsWith("it speaks version 99 of the workers' protocol, this one version 2"));
  auto endless = encode_frame(FrameKind::kHello, {});
  endless[15] = std::byte{0x7f};
  CHECK_THAT(answer_to(peers[0], {reinterpret_cast<const char*>(endless.data()), endless.size()}),
             Catch::Contains("is longer than any of the protocol"));

  CHECK(connect({.rank = 1, .peers = peers, .secret = "s"}).has_value());
  CHECK(first.get().has_value());
}

TEST_CASE("peers of one attempt that disagree about the world find out at once", "[transport]") {
  const auto peers = free_addresses(3);
  auto first = connect_later({.rank = 0, .peers = peers, .secret = "s"});
  const MeshResult second = connect({.rank = 1, .peers = {peers[0], peers[1]}, .secret = "s"});
  REQUIRE(!second.has_value());
  CHECK(second.error().code == Code::kFailedPrecondition);
  CHECK_THAT(second.error().message,
             Catch::Contains("rank 0 of 3") && Catch::Contains("this is rank 1 of 2"));
  const MeshResult other = first.get();
  REQUIRE(!other.has_value());
  CHECK(other.error().code == Code::kFailedPrecondition);
}

TEST_CASE("connecting can be cancelled", "[transport]") {
  const auto peers = free_addresses(2);
  std::atomic<bool> cancelled = false;
  const auto rank = GENERATE(0u, 1u);
  auto mesh = connect_later({.rank = rank, .peers = peers, .secret = "s", .cancelled = &cancelled});
  CHECK(mesh.wait_for(50ms) == std::future_status::timeout);
  cancelled = true;
  const MeshResult ended = mesh.get();
  REQUIRE(!ended.has_value());
  CHECK(ended.error().code == Code::kCancelled);
}

// A peer that says what is needed to have a link, and no more.
LinkSockets meet(const PeerAddress& address, const Identity& self, Rank peer) {
  LinkSockets link;
  for (const Channel channel : {Channel::kData, Channel::kControl}) {
    auto socket = dial(address.host, address.port, in(5s));
    while (!socket) socket = dial(address.host, address.port, in(5s));
    must(introduce(*socket, self, peer, channel, in(5s)));
    if (channel == Channel::kData) link.data = *std::move(socket);
    if (channel == Channel::kControl) link.control = Control(*std::move(socket));
  }
  return link;
}

TEST_CASE("a peer that dies while others are awaited is named at once", "[transport]") {
  const auto peers = free_addresses(3);
  const auto dies = GENERATE(true, false);
  auto first = connect_later({.rank = 0, .peers = peers, .secret = "s"});
  {
    const LinkSockets link = meet(peers[0], {.rank = 1, .world_size = 3, .secret = "s"}, 0);
    if (!dies) link.control.part({.kind = DepartureKind::kGaveUp, .culprit = 1});
  }
  REQUIRE(first.wait_for(1s) == std::future_status::ready);
  const MeshResult ended = first.get();
  REQUIRE(!ended.has_value());
  CHECK(ended.error().code == Code::kUnavailable);
  CHECK_THAT(ended.error().message,
             Catch::StartsWith("while others were waited for: rank 1 (" + text(peers[1]) + ")") &&
                 Catch::Contains(dies ? "is gone" : "gave up"));
}

TEST_CASE("who stops connecting tells those it has met", "[transport]") {
  const auto peers = free_addresses(3);
  std::atomic<bool> cancelled = false;
  auto first = connect_later({.rank = 0, .peers = peers, .secret = "s", .cancelled = &cancelled});
  LinkSockets link = meet(peers[0], {.rank = 1, .world_size = 3, .secret = "s"}, 0);
  CHECK(!link.control.listen());
  cancelled = true;
  CHECK(!first.get().has_value());
  CHECK(link.control.await_departure().kind == DepartureKind::kGaveUp);
}

TEST_CASE("ranks that have other hosts' names get further ahead of each other", "[transport]") {
  const auto window = [](std::vector<PeerAddress> addresses) {
    const std::size_t ranks = addresses.size();
    return TcpMesh(0, std::move(addresses), std::vector<LinkSockets>(ranks), 0us).window_bytes();
  };
  CHECK(window({{"a", 1}, {"a", 2}, {"a", 3}}) == kNearBlockBytes / 3);
  CHECK(window({{"a", 1}, {"a", 2}, {"b", 3}}) == kFarWindowBytes);
}

TEST_CASE("options that contradict themselves are refused", "[transport]") {
  CHECK(connect({.rank = 2, .peers = free_addresses(2), .secret = "s"}).error().code ==
        Code::kInvalidArgument);
  CHECK(connect({.rank = 0, .peers = free_addresses(2), .secret = ""}).error().code ==
        Code::kInvalidArgument);
}

}  // namespace
}  // namespace dl::worker::transport::tcp
