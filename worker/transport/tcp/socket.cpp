#include "worker/transport/tcp/socket.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

namespace dl::worker::transport::tcp {
namespace {

using AddressList = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<AddressList> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (failed != 0) {
    return unavailable("resolve host \"" + host + "\": " + gai_strerror(failed));
  }
  return AddressList(found, &freeaddrinfo);
}

std::string to_text(const sockaddr_storage& address, socklen_t length) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), length, host, sizeof(host), port,
                  sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "an unknown address";
  }
  return std::string(host) + ":" + port;
}

// False when `deadline` passes first.
bool wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{fd, events, 0};
    const auto timeout = std::clamp<std::int64_t>(left.count(), 0, 3'600'000);
    const int ready = poll(&entry, 1, static_cast<int>(timeout));
    if (ready > 0) return true;
    if (ready == 0 && std::chrono::steady_clock::now() >= deadline) return false;
  }
}

Error too_late(const char* doing) {
  return {Code::kDeadlineExceeded, std::string(doing) + " took too long"};
}

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

void set_flag(int fd, int level, int option, int value) {
  // Tuning only: a kernel that lacks an option still carries the data.
  (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void tune(int fd) {
  set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_flag(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  set_flag(fd, IPPROTO_TCP, TCP_KEEPIDLE, 10);
  set_flag(fd, IPPROTO_TCP, TCP_KEEPINTVL, 5);
  set_flag(fd, IPPROTO_TCP, TCP_KEEPCNT, 4);
}

Result<Socket> bind_and_listen(const sockaddr* address, socklen_t length, int family, int backlog,
                               const std::string& name) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return errno_error("open a socket for " + name, errno);
  set_flag(socket.fd(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (::bind(socket.fd(), address, length) != 0 || ::listen(socket.fd(), backlog) != 0) {
    if (errno == EADDRINUSE) {
      return Error{Code::kAlreadyExists,
                   "listen on " + name +
                       ": the port is in use by another process; stop it (ss -ltnp "
                       "shows it) or start the task again on another port"};
    }
    return errno_error("listen on " + name, errno);
  }
  return socket;
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> Socket::send(ConstBytes bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (!would_block(errno)) {
      return errno_error("send", errno);
    } else if (!wait_for(fd_, POLLOUT, deadline)) {
      return too_late("sending");
    }
  }
  return {};
}

Result<void> Socket::receive(Bytes bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t n = ::recv(fd_, bytes.data(), bytes.size(), 0);
    if (n > 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(n));
    } else if (n == 0) {
      return unavailable("it closed the connection");
    } else if (!would_block(errno)) {
      return errno_error("receive", errno);
    } else if (!wait_for(fd_, POLLIN, deadline)) {
      return too_late("its answer");
    }
  }
  return {};
}

Result<Socket> listen_on(const std::string& host, std::uint16_t port, int backlog) {
  const std::string name = host + ":" + std::to_string(port);
  DL_TRY(const AddressList addresses, resolve(host, port));
  auto bound = bind_and_listen(addresses->ai_addr, addresses->ai_addrlen, addresses->ai_family,
                               backlog, name);
  if (bound || bound.error().code != Code::kFailedPrecondition) return bound;
  // EADDRNOTAVAIL: peers dial a name or address that is translated on the way here.
  sockaddr_in any{};
  any.sin_family = AF_INET;
  any.sin_port = htons(port);
  any.sin_addr.s_addr = htonl(INADDR_ANY);
  return bind_and_listen(reinterpret_cast<const sockaddr*>(&any), sizeof(any), AF_INET, backlog,
                         "0.0.0.0:" + std::to_string(port));
}

Result<std::pair<Socket, std::string>> accept_from(Socket& listener, Deadline deadline) {
  for (;;) {
    sockaddr_storage address{};
    socklen_t length = sizeof(address);
    Socket socket(::accept4(listener.fd(), reinterpret_cast<sockaddr*>(&address), &length,
                            SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.open()) {
      tune(socket.fd());
      return std::pair(std::move(socket), to_text(address, length));
    }
    const bool again = would_block(errno) || errno == ECONNABORTED;
    if (!again) return errno_error("accept a peer's connection", errno);
    if (!wait_for(listener.fd(), POLLIN, deadline)) return std::pair(Socket(), std::string());
  }
}

Result<Socket> dial(const std::string& host, std::uint16_t port, Deadline deadline) {
  const std::string name = host + ":" + std::to_string(port);
  DL_TRY(const AddressList addresses, resolve(host, port));
  Socket socket(::socket(addresses->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return errno_error("open a socket for " + name, errno);
  if (::connect(socket.fd(), addresses->ai_addr, addresses->ai_addrlen) != 0) {
    if (errno != EINPROGRESS) return errno_error("connect to " + name, errno);
    if (!wait_for(socket.fd(), POLLOUT, deadline)) return too_late("connecting");
    int failed = 0;
    socklen_t length = sizeof(failed);
    ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &failed, &length);
    if (failed != 0) return errno_error("connect to " + name, failed);
  }
  tune(socket.fd());
  return socket;
}

}  // namespace dl::worker::transport::tcp
