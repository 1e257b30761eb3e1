#include "worker/transport/testing/gang.h"

#include <unistd.h>

#include <array>
#include <bit>
#include <exception>
#include <latch>
#include <random>
#include <stdexcept>
#include <thread>

#include "worker/transport/shm/connect.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::testing {
namespace {

// Connects rank after rank, each in its own thread, as processes do.
class Gang {
 public:
  explicit Gang(const GangOptions& options)
      : options_(options),
        network_(inproc::make_network(
            {.world_size = options.world_size,
             .link_bytes = options.link_bytes,
             .host_of = options.kind == Kind::kInproc ? options.host_of : std::vector<Rank>()})) {
    if (options.kind != Kind::kInproc) addresses_ = free_addresses(options.world_size);
  }

  Result<std::unique_ptr<Mesh>> connect(Rank rank) const {
    if (options_.kind == Kind::kInproc) return inproc::connect(network_, rank);
    const std::string secret = "of this test";
    auto mesh = tcp::connect({.rank = rank, .peers = addresses_, .secret = secret});
    if (mesh.has_error() || options_.kind == Kind::kTcp) return mesh;
    return shm::connect(*std::move(mesh), {.secret = secret,
                                           .host = host_of(rank),
                                           .ring_bytes = std::bit_ceil(options_.link_bytes)});
  }

 private:
  std::string host_of(Rank rank) const {
    return "host " + std::to_string(options_.host_of.empty() ? 0 : options_.host_of[rank]);
  }

  const GangOptions options_;
  std::shared_ptr<inproc::Network> network_;
  std::vector<tcp::PeerAddress> addresses_;
};

}  // namespace

void spawn(const GangOptions& options, const RankFn& fn) {
  const Gang gang(options);
  // Who is quicker must not be gone while others still connect.
  std::latch connected(options.world_size);
  std::vector<std::exception_ptr> thrown(options.world_size);
  std::vector<std::thread> threads;
  for (Rank rank = 0; rank < options.world_size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        auto mesh = gang.connect(rank);
        connected.arrive_and_wait();
        if (!mesh) throw std::runtime_error(to_string(mesh.error()));
        fn(*std::move(mesh));
      } catch (...) {
        thrown[rank] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& exception : thrown) {
    if (exception) std::rethrow_exception(exception);
  }
}

void exchange_numbers(Mesh& mesh) {
  for (Rank peer = 0; peer < mesh.world_size(); ++peer) {
    if (peer == mesh.rank()) continue;
    const std::array<std::byte, 2> mine = {static_cast<std::byte>(mesh.rank()),
                                           static_cast<std::byte>(peer)};
    must(send_all(mesh, peer, mine, in(std::chrono::seconds(10))));
  }
  for (Rank peer = 0; peer < mesh.world_size(); ++peer) {
    if (peer == mesh.rank()) continue;
    std::array<std::byte, 2> theirs{};
    must(receive_all(mesh, peer, theirs, in(std::chrono::seconds(10))));
    expect(theirs[0] == static_cast<std::byte>(peer), "a peer's own number came from it");
    expect(theirs[1] == static_cast<std::byte>(mesh.rank()), "it was meant for this rank");
  }
}

std::vector<tcp::PeerAddress> free_addresses(std::uint32_t count) {
  static std::minstd_rand random(static_cast<unsigned>(::getpid()) * 7919u + 1u);
  std::vector<tcp::PeerAddress> addresses;
  std::vector<tcp::Socket> held;
  while (addresses.size() < count) {
    const auto port = static_cast<std::uint16_t>(10000 + random() % 10000);
    auto socket = tcp::listen_on("127.0.0.1", port, 1);
    if (!socket) continue;
    held.push_back(*std::move(socket));
    addresses.push_back({"127.0.0.1", port});
  }
  return addresses;
}

}  // namespace dl::worker::transport::testing
