// Who may listen where: beyond loopback only with TLS and a token.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dl::runtime {

struct Address {
  std::string host;  // Without brackets: "127.0.0.1", "::1", "gpu-07".
  std::uint16_t port = 0;

  friend bool operator==(const Address&, const Address&) = default;
};

// "127.0.0.1:7400", "[::1]:7400", "gpu-07:7400". Port 0 lets the system choose.
Result<Address> parse_address(std::string_view text);

// The same text back, with brackets where they are needed.
std::string to_string(const Address& address);

// 127.0.0.0/8, ::1 and "localhost". A name that only resolves to loopback is not: names change.
bool is_loopback(const Address& address);

// What protects a listening socket.
struct Protection {
  bool tls = false;
  bool token = false;
};

// kFailedPrecondition for an address beyond loopback without both, with what to set.
Result<void> check_listen(const Address& address, Protection protection);

}  // namespace dl::runtime
