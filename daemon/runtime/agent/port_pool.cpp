#include "daemon/runtime/agent/port_pool.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <charconv>
#include <cstdio>
#include <string>

namespace dl::runtime::agent {
namespace {

using supervise::Fd;

// The name vanishes with the process that has it: nothing to clean up.
Fd try_claim(std::uint16_t port) {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int size = std::snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "dl-port-%u",
                                 static_cast<unsigned>(port));
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + size);
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return {};
  return fd;
}

Fd try_bind_v4(std::uint16_t port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (!fd || ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return {};
  }
  return fd;
}

// Of both protocols where there is IPv6. Without SO_REUSEADDR nobody can share the port.
Fd try_bind(std::uint16_t port) {
  Fd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return try_bind_v4(port);
  const int off = 0;
  ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  return errno == EADDRNOTAVAIL ? try_bind_v4(port) : Fd();
}

bool parse_port(std::string_view text, std::uint16_t& port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

Result<PortRange> parse_port_range(std::string_view text) {
  PortRange range;
  const auto dash = text.find('-');
  const bool ok = dash != std::string_view::npos && parse_port(text.substr(0, dash), range.first) &&
                  parse_port(text.substr(dash + 1), range.last) && range.first >= 1024 &&
                  range.first <= range.last;
  if (ok) return range;
  return invalid_argument("\"" + std::string(text) +
                          "\" is no range of ports; write one above 1023, like 20000-32767");
}

PortPool::PortPool(PortRange range, std::uint64_t seed)
    : range_(range), next_(static_cast<std::uint32_t>(seed % (range.last - range.first + 1ULL))) {}

void PortPool::hold(std::size_t count) {
  const std::uint32_t size = range_.last - range_.first + 1U;
  for (std::uint32_t looked = 0; looked < size && count > 0; ++looked) {
    const auto port = static_cast<std::uint16_t>(range_.first + next_);
    next_ = (next_ + 1) % size;
    if (!ports_.contains(port) && try_hold(port)) --count;
  }
}

bool PortPool::try_hold(std::uint16_t port) {
  Held held;
  held.claim = try_claim(port);
  if (!held.claim) return false;
  held.socket = try_bind(port);
  if (!held.socket) return false;
  ports_.emplace(port, std::move(held));
  return true;
}

void PortPool::hand_over(std::span<const std::uint16_t> ports) {
  for (const auto port : ports) {
    const auto [entry, added] = ports_.try_emplace(port);
    entry->second.socket = Fd();
    if (added) entry->second.claim = try_claim(port);
  }
}

void PortPool::give_up(std::span<const std::uint16_t> ports) {
  for (const auto port : ports) {
    const auto entry = ports_.find(port);
    if (entry != ports_.end() && !entry->second.socket) ports_.erase(entry);
  }
}

std::vector<std::uint16_t> PortPool::held() const {
  std::vector<std::uint16_t> ports;
  for (const auto& [port, held] : ports_) {
    if (held.socket) ports.push_back(port);
  }
  return ports;
}

}  // namespace dl::runtime::agent
