#include "worker/transport/tcp/mesh.h"

#include <linux/sockios.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/assert.h"

namespace dl::worker::transport::tcp {
namespace {

// How long a closing rank waits for its peers' kernels to have its last bytes.
constexpr std::chrono::milliseconds kLinger{1000};

template <class Part>
msghdr make_message(std::span<const Part> parts, std::array<iovec, kPartsMax>& storage) {
  DL_ASSERT(parts.size() <= kPartsMax, "callers keep to kPartsMax");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    storage[i] = {const_cast<std::byte*>(parts[i].data()), parts[i].size()};
  }
  msghdr message{};
  message.msg_iov = storage.data();
  message.msg_iovlen = parts.size();
  return message;
}

// Whether the peer's kernel still lacks some of what was sent, and may yet get it.
bool undelivered(int fd) {
  pollfd entry{fd, 0, 0};
  const bool closed = ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLERR | POLLHUP)) != 0;
  int unsent = 0;
  return !closed && ::ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0;
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

TcpMesh::TcpMesh(Rank rank, std::vector<PeerAddress> addresses, std::vector<LinkSockets> links,
                 std::chrono::microseconds look)
    : rank_(rank),
      look_(look),
      addresses_(std::move(addresses)),
      links_(std::move(links)),
      interrupt_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      poll_(3 * links_.size() + 1),
      next_sign_(std::chrono::steady_clock::now()),
      culprit_(rank) {}

TcpMesh::~TcpMesh() {
  if (!aborted_.exchange(true)) part({.kind = DepartureKind::kFarewell});
  linger();
}

std::string TcpMesh::describe(Rank peer) const {
  const std::string name = "rank " + std::to_string(peer);
  if (peer >= addresses_.size()) return name;
  return name + " (" + addresses_[peer].host + ":" + std::to_string(addresses_[peer].port) + ")";
}

// One host has one name here; two names for one are taken for two hosts.
bool TcpMesh::near() const {
  return std::all_of(addresses_.begin(), addresses_.end(),
                     [&](const PeerAddress& peer) { return peer.host == addresses_.front().host; });
}

Error TcpMesh::cancelled() const {
  return {Code::kCancelled, "rank " + std::to_string(rank_) + " gave up its links"};
}

Result<std::size_t> TcpMesh::send_some(Rank peer, std::span<const ConstBytes> parts) {
  if (aborted_) return cancelled();
  std::array<iovec, kPartsMax> storage;
  const msghdr message = make_message(parts, storage);
  const ssize_t n = ::sendmsg(links_[peer].data.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0) {
    if (would_block(errno)) return 0;
    return fail(peer, errno);
  }
  counters_.bytes_sent += static_cast<std::size_t>(n);
  return static_cast<std::size_t>(n);
}

Result<std::size_t> TcpMesh::receive_some(Rank peer, std::span<const Bytes> parts) {
  if (aborted_) return cancelled();
  std::array<iovec, kPartsMax> storage;
  msghdr message = make_message(parts, storage);
  const ssize_t n = ::recvmsg(links_[peer].data.fd(), &message, MSG_DONTWAIT);
  if (n < 0) {
    if (would_block(errno)) return 0;
    return fail(peer, errno);
  }
  if (n == 0) return fail(peer, 0);
  counters_.bytes_received += static_cast<std::size_t>(n);
  return static_cast<std::size_t>(n);
}

// Called when a half of the link to `peer` has ended.
Error TcpMesh::fail(Rank peer, int errnum) {
  if (aborted_) return cancelled();
  Control& control = links_[peer].control;
  const Departure departure = control.await_departure();
  if (errnum == 0) errnum = control.errnum();
  culprit_ = culprit_of(peer, departure);
  Error error = departure_error(*this, peer, departure);
  if (departure.kind == DepartureKind::kLost && errnum != 0) {
    error.message += std::string(" (") + std::strerror(errnum) + ")";
  }
  return error;
}

pollfd TcpMesh::entry_of(const Interest& interest) const {
  const bool sends = interest.direction == Direction::kSend;
  return {links_[interest.peer].data.fd(), static_cast<short>(sends ? POLLOUT : POLLIN), 0};
}

void TcpMesh::show_signs_of_life() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_sign_) return;
  next_sign_ = now + kSignInterval;
  for (LinkSockets& link : links_) {
    if (link.control.open() && !link.control.departure()) link.control.show_sign_of_life();
  }
}

std::size_t TcpMesh::prepare_poll(std::span<const Interest> interests) {
  std::size_t count = 0;
  for (const LinkSockets& link : links_) {
    // With a farewell it is no longer watched.
    poll_[count++] = {link.control.departure() ? -1 : link.control.fd(), POLLIN, 0};
  }
  poll_[count++] = {interrupt_.fd(), POLLIN, 0};
  for (const Interest& interest : interests) poll_[count++] = entry_of(interest);
  return count;
}

// An error when a peer has left that did not say farewell. One that vanished comes before one that
// gave up, for that may be why.
Result<void> TcpMesh::look_for_departures() {
  std::optional<Rank> gave_up;
  for (Rank peer = 0; peer < links_.size(); ++peer) {
    if (poll_[peer].fd < 0 || poll_[peer].revents == 0) continue;
    const std::optional<Departure>& departure = links_[peer].control.listen();
    if (!departure) continue;
    if (departure->kind == DepartureKind::kLost) return fail(peer, 0);
    if (departure->kind == DepartureKind::kGaveUp && !gave_up) gave_up = peer;
  }
  if (gave_up) return fail(*gave_up, 0);
  return {};
}

// Whether one of `interests` may move before the thread has to sleep. Other threads that want the
// core get it.
bool TcpMesh::look_for(std::span<const Interest> interests) {
  const std::span waited = std::span(poll_).first(interests.size());
  for (std::size_t i = 0; i < waited.size(); ++i) waited[i] = entry_of(interests[i]);
  if (interests.empty()) return false;
  const auto until = std::chrono::steady_clock::now() + look_;
  do {
    if (::poll(waited.data(), waited.size(), 0) > 0) return true;
    ::sched_yield();
  } while (!aborted_ && std::chrono::steady_clock::now() < until);
  return false;
}

Result<void> TcpMesh::wait(std::span<const Interest> interests, Deadline deadline) {
  DL_ASSERT(interests.size() <= 2 * links_.size(), "one interest for each direction of a link");
  // One that was found out while moving data is not polled any more.
  for (Rank peer = 0; peer < links_.size(); ++peer) {
    const auto& departure = links_[peer].control.departure();
    if (departure && departure->kind != DepartureKind::kFarewell) return fail(peer, 0);
  }
  // When a sign of life is due, those of the peers are taken too: not even a rank that never has to
  // sleep lets them pile up.
  const bool sign_due = std::chrono::steady_clock::now() >= next_sign_;
  if (!sign_due && look_for(interests)) return {};
  for (;;) {
    show_signs_of_life();
    const std::size_t count = prepare_poll(interests);
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        std::min(deadline, next_sign_) - std::chrono::steady_clock::now());
    const auto timeout = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
    const int n = ::poll(poll_.data(), count, static_cast<int>(timeout));
    if (aborted_) return cancelled();
    if (n > 0) {
      DL_CHECK(look_for_departures());
      const std::span waited = std::span(poll_).subspan(links_.size() + 1, interests.size());
      if (std::any_of(waited.begin(), waited.end(), [](auto& e) { return e.revents != 0; })) {
        return {};
      }
    }
    if (std::chrono::steady_clock::now() >= deadline) return stall_error(*this, interests);
  }
}

void TcpMesh::abort() {
  if (aborted_.exchange(true)) return;
  part({.kind = DepartureKind::kGaveUp, .culprit = culprit_});
  const std::uint64_t one = 1;
  (void)!::write(interrupt_.fd(), &one, sizeof(one));
}

// Puts the notice on every link, then ends this side of them.
void TcpMesh::part(const Departure& departure) {
  for (const LinkSockets& link : links_) {
    if (!link.control.open()) continue;
    link.control.part(departure);
    ::shutdown(link.data.fd(), SHUT_WR);
  }
}

// Closing a socket with unread data resets the connection and drops what was not yet delivered,
// maybe the last bytes of a collective that the peer is still in. One that has left needs none.
void TcpMesh::linger() {
  const auto deadline = std::chrono::steady_clock::now() + kLinger;
  for (const LinkSockets& link : links_) {
    while (link.data.open() && !link.control.departure() && undelivered(link.data.fd()) &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

}  // namespace dl::worker::transport::tcp
