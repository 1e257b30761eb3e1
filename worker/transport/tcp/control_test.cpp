// Signs of life and notices: what a rank learns of its peers over the silent half of their links.

#include "worker/transport/tcp/control.h"

#include <linux/filter.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <thread>

#include "worker/transport/tcp/mesh.h"
#include "worker/transport/testing/gang.h"

namespace dl::worker::transport::tcp {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;
using testing::free_addresses;
using testing::in;
using testing::must;
using testing::must_fail;

std::pair<Socket, Socket> connected_pair() {
  const PeerAddress address = free_addresses(1).front();
  Socket listener = must(listen_on(address.host, address.port, 1));
  Socket dialled = must(dial(address.host, address.port, in(5s)));
  return {std::move(dialled), must(accept_from(listener, in(5s))).first};
}

// From now on nothing that is sent to this socket arrives, and nobody is told: a cut cable.
void cut(int fd) {
  sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
  const sock_fprog filter{1, &drop};
  if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) != 0) {
    throw std::logic_error("the kernel has no socket filters");
  }
}

// Ranks 0, 1 and 2, and what it takes to cut off the last.
struct Gang {
  std::vector<std::unique_ptr<TcpMesh>> meshes;
  std::vector<int> of_last;  // Both ends of its links.

  Gang() {
    const auto addresses = free_addresses(3);
    std::vector<std::vector<LinkSockets>> links(3);
    for (auto& of : links) of.resize(3);
    for (Rank low = 0; low < 3; ++low) {
      for (Rank high = low + 1; high < 3; ++high) {
        auto data = connected_pair();
        auto control = connected_pair();
        if (high == 2) {
          for (const auto* pair : {&data, &control}) {
            of_last.insert(of_last.end(), {pair->first.fd(), pair->second.fd()});
          }
        }
        links[low][high] = {std::move(data.first), Control(std::move(control.first))};
        links[high][low] = {std::move(data.second), Control(std::move(control.second))};
      }
    }
    for (Rank rank = 0; rank < 3; ++rank) {
      meshes.push_back(std::make_unique<TcpMesh>(rank, addresses, std::move(links[rank]), 50us));
    }
  }
};

TEST_CASE("a host that is cut off without a word is named within a second", "[transport]") {
  Gang gang;
  std::vector<Error> errors(2);
  std::vector<steady_clock::time_point> seen(2);
  std::vector<std::thread> threads;
  for (const Rank rank : {0u, 1u}) {
    threads.emplace_back([&, rank] {
      // Neither waits for the one that will be cut off.
      std::array<std::byte, 1> never{};
      errors[rank] = must_fail(receive_all(*gang.meshes[rank], 1 - rank, never, in(20s)));
      seen[rank] = steady_clock::now();
      gang.meshes[rank]->abort();
    });
  }
  // They have shown signs of life by then, and been answered.
  std::this_thread::sleep_for(2 * kSignInterval);
  for (const int fd : gang.of_last) cut(fd);
  const auto begin = steady_clock::now();
  for (std::thread& thread : threads) thread.join();
  for (const Rank rank : {0u, 1u}) {
    CHECK(errors[rank].code == Code::kUnavailable);
    CHECK_THAT(errors[rank].message, Catch::StartsWith("rank 2 ("));
    CHECK(seen[rank] - begin < 1s);
  }
}

TEST_CASE("a peer that does not run is no dead one, and signs of life do not hide its notice",
          "[transport]") {
  Gang gang;
  std::array<std::byte, 1> byte{};
  // Rank 1 is at something else all the while.
  const Error waited = must_fail(receive_all(*gang.meshes[0], 1, byte, in(1500ms)));
  CHECK(waited.code == Code::kDeadlineExceeded);
  must(send_all(*gang.meshes[0], 1, byte, in(1s)));
  gang.meshes[0]->abort();
  must(receive_all(*gang.meshes[1], 0, byte, in(1s)));
  const Error gone = must_fail(receive_all(*gang.meshes[1], 0, byte, in(5s)));
  CHECK(gone.code == Code::kUnavailable);
  CHECK_THAT(gone.message, Catch::StartsWith("rank 0 (") && Catch::Contains("gave up"));
}

TEST_CASE("signs of life do not pile up at a peer that does not wait", "[transport]") {
  auto [here, there] = connected_pair();
  Control control(std::move(here));
  std::vector<std::byte> taken(kSignsUnansweredMax + 1);
  const auto show_many = [&] {
    for (int i = 0; i < 2 * kSignsUnansweredMax; ++i) control.show_sign_of_life();
  };
  show_many();
  must(there.receive(Bytes(taken).first(kSignsUnansweredMax), in(1s)));
  CHECK(must_fail(there.receive(taken, in(50ms))).code == Code::kDeadlineExceeded);
  must(there.send(std::array<std::byte, 1>{}, in(1s)));
  pollfd entry{control.fd(), POLLIN, 0};
  REQUIRE(::poll(&entry, 1, 1000) == 1);
  CHECK(!control.listen());
  show_many();
  must(there.receive(Bytes(taken).first(kSignsUnansweredMax), in(1s)));
}

TEST_CASE("a notice is found behind signs of life, whole or in parts", "[transport]") {
  auto [here, there] = connected_pair();
  Control control(std::move(here));
  const Notice notice = encode_notice({.kind = DepartureKind::kGaveUp, .culprit = 0});
  const std::array<std::byte, 1> sign{};
  for (int i = 0; i < 100; ++i) must(there.send(sign, in(1s)));
  CHECK(!control.listen());
  must(there.send(ConstBytes(notice).first(3), in(1s)));
  CHECK(!control.listen());
  must(there.send(ConstBytes(notice).subspan(3), in(1s)));
  CHECK(control.await_departure().kind == DepartureKind::kGaveUp);
  CHECK(control.await_departure().culprit == 0);
}

TEST_CASE("a link that ends within a notice, or without one, is lost", "[transport]") {
  const auto bytes = GENERATE(0u, 3u);
  auto [here, there] = connected_pair();
  Control control(std::move(here));
  const Notice notice = encode_notice({.kind = DepartureKind::kFarewell});
  must(there.send(ConstBytes(notice).first(bytes), in(1s)));
  there = Socket();
  CHECK(control.await_departure().kind == DepartureKind::kLost);
}

}  // namespace
}  // namespace dl::worker::transport::tcp
