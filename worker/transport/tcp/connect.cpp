#include "worker/transport/tcp/connect.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "worker/transport/tcp/handshake.h"
#include "worker/transport/tcp/mesh.h"
#include "worker/transport/tcp/socket.h"

namespace dl::worker::transport::tcp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// A connection that says nothing for this long is not a peer's, and others wait behind it.
constexpr milliseconds kHandshakeTimeout{5000};
// How often a peer that is not there yet is dialled again.
constexpr milliseconds kRetryFirst{20};
constexpr milliseconds kRetryLast{500};
// How long a cancellation may go unseen.
constexpr milliseconds kCancelPoll{100};

class Connector {
 public:
  explicit Connector(const ConnectOptions& options)
      : options_(options),
        self_{options.rank, static_cast<std::uint32_t>(options.peers.size()), options.secret},
        deadline_(steady_clock::now() + options.connect_timeout),
        links_(options.peers.size()) {}

  Result<std::unique_ptr<Mesh>> run() {
    if (self_.world_size == 1) return make_mesh();  // Nobody will call.
    const PeerAddress& own = options_.peers[self_.rank];
    auto listener = listen_on(own.host, own.port, static_cast<int>(self_.world_size) + 16);
    if (!listener) {
      return with_context("rank " + std::to_string(self_.rank), listener.error());
    }
    for (Rank peer = 0; peer < self_.rank; ++peer) {
      DL_CHECK(dial_peer(peer, Channel::kData));
      DL_CHECK(dial_peer(peer, Channel::kControl));
    }
    DL_CHECK(await_higher_ranks(*listener));
    return make_mesh();
  }

 private:
  std::unique_ptr<Mesh> make_mesh() {
    return std::make_unique<TcpMesh>(self_.rank, options_.peers, std::move(links_), options_.look);
  }

  std::string describe(Rank peer) const {
    const PeerAddress& address = options_.peers[peer];
    return "rank " + std::to_string(peer) + " at " + address.host + ":" +
           std::to_string(address.port);
  }

  bool cancelled() const { return options_.cancelled != nullptr && *options_.cancelled; }

  Error cancel_error() const {
    return {Code::kCancelled,
            "rank " + std::to_string(self_.rank) + " stopped looking for its peers"};
  }

  Deadline handshake_deadline() const {
    return std::min(deadline_, steady_clock::now() + kHandshakeTimeout);
  }

  Result<void> try_peer(Rank peer, Channel channel) {
    const PeerAddress& address = options_.peers[peer];
    DL_TRY(Socket socket, dial(address.host, address.port, handshake_deadline()));
    DL_CHECK(introduce(socket, self_, peer, channel, handshake_deadline()));
    place(peer, channel) = std::move(socket);
    return {};
  }

  // Until it is there. Whoever answers in its place may be of the attempt before, about to end.
  Result<void> dial_peer(Rank peer, Channel channel) {
    milliseconds pause = kRetryFirst;
    for (;;) {
      const auto tried = try_peer(peer, channel);
      if (tried) return {};
      const Error& error = tried.error();
      if (error.code == Code::kFailedPrecondition) return with_context(describe(peer), error);
      if (cancelled()) return cancel_error();
      if (steady_clock::now() + pause >= deadline_) {
        return Error{Code::kDeadlineExceeded, describe(peer) + " did not come within " +
                                                  timeout_text() + "; last: " + error.message};
      }
      std::this_thread::sleep_for(std::min(pause, kCancelPoll));
      pause = std::min(pause * 2, kRetryLast);
    }
  }

  // A peer that lost its connection before it was welcomed comes again: the later one counts.
  Result<void> await_higher_ranks(Socket& listener) {
    std::string last = "nobody has called";
    while (const auto missing = first_missing()) {
      if (cancelled()) return cancel_error();
      if (steady_clock::now() >= deadline_) {
        return Error{Code::kDeadlineExceeded, describe(*missing) + " did not come within " +
                                                  timeout_text() + "; last: " + last};
      }
      const auto until = std::min(deadline_, steady_clock::now() + kCancelPoll);
      DL_TRY(auto guest, accept_from(listener, until));
      if (!guest.first.open()) continue;
      const auto known = receive_guest(guest.first, self_, handshake_deadline());
      if (known) {
        place(known->rank, known->channel) = std::move(guest.first);
      } else if (known.error().code == Code::kFailedPrecondition) {
        return with_context("a peer at " + guest.second, known.error());
      } else {
        last = "turned away " + guest.second + ": " + known.error().message;
      }
    }
    return {};
  }

  Socket& place(Rank peer, Channel channel) {
    return channel == Channel::kData ? links_[peer].data : links_[peer].control;
  }

  std::optional<Rank> first_missing() const {
    for (Rank peer = self_.rank + 1; peer < self_.world_size; ++peer) {
      if (!links_[peer].data.open() || !links_[peer].control.open()) return peer;
    }
    return std::nullopt;
  }

  std::string timeout_text() const {
    return std::to_string(options_.connect_timeout.count()) + " ms";
  }

  const ConnectOptions& options_;
  const Identity self_;
  const Deadline deadline_;
  std::vector<LinkSockets> links_;
};

}  // namespace

Result<std::unique_ptr<Mesh>> connect(const ConnectOptions& options) {
  if (options.rank >= options.peers.size()) {
    return invalid_argument("rank " + std::to_string(options.rank) + " is outside the world of " +
                            std::to_string(options.peers.size()));
  }
  if (options.secret.empty()) {
    return invalid_argument("the attempt's secret is empty, and peers could not be told apart");
  }
  return Connector(options).run();
}

}  // namespace dl::worker::transport::tcp
