#include "worker/transport/tcp/mesh.h"

#include <linux/sockios.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "base/assert.h"

namespace dl::worker::transport::tcp {
namespace {

// How long a closing rank waits for its peers' kernels to have its last bytes.
constexpr std::chrono::milliseconds kLinger{1000};

constexpr short kGone = POLLRDHUP | POLLHUP | POLLERR;

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

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

TcpMesh::TcpMesh(Rank rank, std::vector<PeerAddress> addresses, std::vector<Socket> sockets)
    : rank_(rank),
      links_(addresses.size()),
      interrupt_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      poll_(addresses.size() + 1),
      culprit_(rank) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    links_[i].address = std::move(addresses[i]);
    links_[i].socket = std::move(sockets[i]);
  }
}

TcpMesh::~TcpMesh() {
  if (!aborted_.exchange(true)) part({.kind = DepartureKind::kFarewell});
  linger();
}

std::string TcpMesh::describe(Rank peer) const {
  if (peer >= links_.size()) return "rank " + std::to_string(peer);
  const PeerAddress& address = links_[peer].address;
  return "rank " + std::to_string(peer) + " (" + address.host + ":" + std::to_string(address.port) +
         ")";
}

Error TcpMesh::cancelled() const {
  return {Code::kCancelled, "rank " + std::to_string(rank_) + " gave up its links"};
}

Result<std::size_t> TcpMesh::send_some(Rank peer, std::span<const ConstBytes> parts) {
  if (aborted_) return cancelled();
  std::array<iovec, kPartsMax> storage;
  const msghdr message = make_message(parts, storage);
  const ssize_t n = ::sendmsg(links_[peer].socket.fd(), &message, MSG_DONTWAIT | MSG_NOSIGNAL);
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
  const ssize_t n = ::recvmsg(links_[peer].socket.fd(), &message, MSG_DONTWAIT);
  if (n < 0) {
    if (would_block(errno)) return 0;
    return fail(peer, errno);
  }
  if (n == 0) return fail(peer, 0);
  const auto moved = static_cast<std::size_t>(n);
  remember_tail(links_[peer], parts, moved);
  counters_.bytes_received += moved;
  return moved;
}

// A peer that gives up may do so in the middle of a message: then its notice is taken for payload,
// and is found here when the link turns out to be closed.
void TcpMesh::remember_tail(Link& link, std::span<const Bytes> parts, std::size_t moved) {
  const std::size_t fresh = std::min(moved, kNoticeBytes);
  std::memmove(link.tail.data(), link.tail.data() + fresh, kNoticeBytes - fresh);
  std::byte* to = link.tail.data() + kNoticeBytes - fresh;
  std::size_t skip = moved - fresh;
  std::size_t left = fresh;
  for (const Bytes part : parts) {
    const std::size_t skipped = std::min(skip, part.size());
    const std::size_t n = std::min(left, part.size() - skipped);
    to = std::copy_n(part.data() + skipped, n, to);
    skip -= skipped;
    left -= n;
  }
  link.tail_bytes = std::min(kNoticeBytes, link.tail_bytes + fresh);
}

// The link is closed at the peer's end. What it sent before is still readable, and a notice is at
// the end of that.
Departure TcpMesh::departure_of(Link& link) {
  int unread = 0;
  if (::ioctl(link.socket.fd(), FIONREAD, &unread) == 0 && unread > 0) {
    std::vector<std::byte> rest(static_cast<std::size_t>(unread));
    const ssize_t n = ::recv(link.socket.fd(), rest.data(), rest.size(), MSG_PEEK | MSG_DONTWAIT);
    if (n > 0) {
      Link copy;
      copy.tail = link.tail;
      copy.tail_bytes = link.tail_bytes;
      const std::array<Bytes, 1> parts = {rest};
      remember_tail(copy, parts, static_cast<std::size_t>(n));
      return decode_notice(std::span(copy.tail).last(copy.tail_bytes));
    }
  }
  return decode_notice(std::span(link.tail).last(link.tail_bytes));
}

Error TcpMesh::fail(Rank peer, int errnum) {
  if (aborted_) return cancelled();
  const Departure departure = departure_of(links_[peer]);
  culprit_ = culprit_of(peer, departure);
  Error error = departure_error(*this, peer, departure);
  if (departure.kind == DepartureKind::kLost && errnum != 0) {
    error.message += std::string(" (") + std::strerror(errnum) + ")";
  }
  return error;
}

void TcpMesh::prepare_poll(std::span<const Interest> interests) {
  for (std::size_t i = 0; i < links_.size(); ++i) {
    const bool watched = links_[i].socket.open() && !links_[i].left;
    poll_[i] = {watched ? links_[i].socket.fd() : -1, POLLRDHUP, 0};
  }
  poll_.back() = {interrupt_.fd(), POLLIN, 0};
  for (const Interest& interest : interests) {
    pollfd& entry = poll_[interest.peer];
    entry.fd = links_[interest.peer].socket.fd();
    entry.events |= interest.direction == Direction::kSend ? POLLOUT : POLLIN;
  }
}

// Whether something can move; an error when a peer is gone that has not said farewell.
Result<bool> TcpMesh::read_poll() {
  bool ready = false;
  std::optional<Rank> gave_up;
  for (Rank peer = 0; peer < links_.size(); ++peer) {
    const pollfd& entry = poll_[peer];
    if (entry.fd < 0 || entry.revents == 0) continue;
    if ((entry.revents & kGone) == 0 || (entry.events & POLLIN) != 0) {
      // With POLLIN wanted, what is still unread comes first and the end is seen after it.
      ready = true;
      continue;
    }
    const Departure departure = departure_of(links_[peer]);
    if (departure.kind == DepartureKind::kLost) return fail(peer, 0);
    if (departure.kind == DepartureKind::kGaveUp || (entry.events & POLLOUT) != 0) {
      gave_up = gave_up.value_or(peer);
    }
    links_[peer].left = true;
  }
  if (gave_up) return fail(*gave_up, 0);
  return ready;
}

Result<void> TcpMesh::wait(std::span<const Interest> interests, Deadline deadline) {
  for (;;) {
    prepare_poll(interests);
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto timeout = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
    const int n = ::poll(poll_.data(), poll_.size(), static_cast<int>(timeout));
    if (aborted_) return cancelled();
    if (n > 0) {
      DL_TRY(const bool ready, read_poll());
      if (ready) return {};
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

// Puts the notice on every link and ends this direction of it. A link that is full stays without.
void TcpMesh::part(const Departure& departure) {
  const Notice notice = encode_notice(departure);
  for (Link& link : links_) {
    if (!link.socket.open()) continue;
    (void)!::send(link.socket.fd(), notice.data(), notice.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    ::shutdown(link.socket.fd(), SHUT_WR);
  }
}

// Closing a socket with unread data resets the connection and drops what was not yet delivered:
// the notice, or the last bytes of a collective that the peer is still in.
void TcpMesh::linger() {
  const auto deadline = std::chrono::steady_clock::now() + kLinger;
  for (Link& link : links_) {
    int unsent = 0;
    while (link.socket.open() && ::ioctl(link.socket.fd(), SIOCOUTQ, &unsent) == 0 && unsent > 0 &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

}  // namespace dl::worker::transport::tcp
