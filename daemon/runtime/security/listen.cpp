#include "daemon/runtime/security/listen.h"

#include <arpa/inet.h>

#include <charconv>

namespace dl::runtime {

Result<Address> parse_address(std::string_view text) {
  const auto wrong = [&] {
    return invalid_argument("\"" + std::string(text) +
                            "\" is not an address; write it like 127.0.0.1:7400 or [::1]:7400");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == text.npos) return wrong();
  Address address;
  const std::string_view port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || port.empty()) return wrong();
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || (!bracketed && host.find(':') != host.npos)) return wrong();
  if (host.find_first_of("[]/@ \t") != host.npos) return wrong();
  address.host = host;
  return address;
}

std::string to_string(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

bool is_loopback(const Address& address) {
  if (address.host == "localhost") return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, address.host.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
  }
  in6_addr v6{};
  return ::inet_pton(AF_INET6, address.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

Result<void> check_listen(const Address& address, Protection protection) {
  if (is_loopback(address) || (protection.tls && protection.token)) return {};
  std::string missing = protection.tls ? "" : "TLS (set tls_cert and tls_key)";
  if (!protection.token) missing += std::string(missing.empty() ? "" : " and ") + "a token";
  return Error{Code::kFailedPrecondition, "listening on " + to_string(address) +
                                              ", beyond loopback, needs " + missing +
                                              "; or listen on 127.0.0.1"};
}

}  // namespace dl::runtime
