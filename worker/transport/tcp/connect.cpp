#include "worker/transport/tcp/connect.h"

#include <poll.h>

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

bool ended(const Socket& socket) {
  pollfd entry{socket.fd(), POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0;
}

class Connector {
 public:
  explicit Connector(const ConnectOptions& options)
      : options_(options),
        self_{options.rank, static_cast<std::uint32_t>(options.peers.size()), options.secret},
        deadline_(steady_clock::now() + options.connect_timeout),
        links_(options.peers.size()) {}

  Result<std::unique_ptr<Mesh>> run() {
    const auto met = meet();
    auto mesh =
        std::make_unique<TcpMesh>(self_.rank, options_.peers, std::move(links_), options_.look);
    if (met) return mesh;
    Error error = met.error();
    if (lost_) {
      // The mesh knows whom to blame.
      const auto failed = mesh->wait({}, steady_clock::now());
      if (failed.has_error()) error = with_context("while others were waited for", failed.error());
    }
    mesh->abort();  // Those that have a link with this rank wait for it no longer.
    return error;
  }

 private:
  Result<void> meet() {
    if (self_.world_size == 1) return {};  // Nobody will call.
    const PeerAddress& own = options_.peers[self_.rank];
    auto listener = listen_on(own.host, own.port, static_cast<int>(self_.world_size) + 16);
    if (!listener) {
      return with_context("rank " + std::to_string(self_.rank), listener.error());
    }
    for (Rank peer = 0; peer < self_.rank; ++peer) {
      DL_CHECK(dial_peer(peer, Channel::kData));
      DL_CHECK(dial_peer(peer, Channel::kControl));
    }
    return await_higher_ranks(*listener);
  }

  std::string describe(Rank peer) const {
    const PeerAddress& address = options_.peers[peer];
    return "rank " + std::to_string(peer) + " at " + address.host + ":" +
           std::to_string(address.port);
  }

  Result<void> check_whether_to_go_on() {
    if (options_.cancelled != nullptr && *options_.cancelled) {
      return Error{Code::kCancelled,
                   "rank " + std::to_string(self_.rank) + " stopped looking for its peers"};
    }
    lost_ = std::any_of(links_.begin(), links_.end(), [](LinkSockets& link) { return lost(link); });
    if (lost_) return unavailable("a peer is gone");
    return {};
  }

  // A peer whose link stands waits for the others too, and does not leave without a reason. As long
  // as one half is missing, the end of the other says nothing: who was not welcomed in time comes
  // again.
  static bool lost(LinkSockets& link) {
    return link.data.open() && link.control.open() && ended(link.data) &&
           link.control.await_departure().kind != DepartureKind::kFarewell;
  }

  Deadline handshake_deadline() const {
    return std::min(deadline_, steady_clock::now() + kHandshakeTimeout);
  }

  Result<void> try_peer(Rank peer, Channel channel) {
    const PeerAddress& address = options_.peers[peer];
    DL_TRY(Socket socket, dial(address.host, address.port, handshake_deadline()));
    DL_CHECK(introduce(socket, self_, peer, channel, handshake_deadline()));
    place(peer, channel, std::move(socket));
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
      DL_CHECK(check_whether_to_go_on());
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
      DL_CHECK(check_whether_to_go_on());
      if (steady_clock::now() >= deadline_) {
        return Error{Code::kDeadlineExceeded, describe(*missing) + " did not come within " +
                                                  timeout_text() + "; last: " + last};
      }
      const auto until = std::min(deadline_, steady_clock::now() + kCancelPoll);
      DL_TRY(auto guest, accept_from(listener, until));
      if (!guest.first.open()) continue;
      const auto known = receive_guest(guest.first, self_, handshake_deadline());
      if (known) {
        place(known->rank, known->channel, std::move(guest.first));
      } else if (known.error().code == Code::kFailedPrecondition) {
        return with_context("a peer at " + guest.second, known.error());
      } else {
        last = "turned away " + guest.second + ": " + known.error().message;
      }
    }
    return {};
  }

  void place(Rank peer, Channel channel, Socket socket) {
    if (channel == Channel::kData) {
      links_[peer].data = std::move(socket);
    } else {
      links_[peer].control = Control(std::move(socket));
    }
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
  bool lost_ = false;  // A peer whose link stood.
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
