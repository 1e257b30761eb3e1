// A non-blocking TCP socket with deadlines, for the set-up of links.

#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::transport::tcp {

// Owns a file descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }

  Result<void> send(ConstBytes bytes, Deadline deadline);
  // kUnavailable when the peer closes before all of `bytes` is there.
  Result<void> receive(Bytes bytes, Deadline deadline);

 private:
  int fd_ = -1;
};

// Bound to `host` where that is an address of this machine, else to all of its addresses.
//   kAlreadyExists  the port is taken.
Result<Socket> listen_on(const std::string& host, std::uint16_t port, int backlog);

// The next connection and its "address:port"; a closed Socket when `deadline` passes without one.
Result<std::pair<Socket, std::string>> accept_from(Socket& listener, Deadline deadline);

Result<Socket> dial(const std::string& host, std::uint16_t port, Deadline deadline);

}  // namespace dl::worker::transport::tcp
