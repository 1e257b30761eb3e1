#include "tests/bench/support/rank.h"

#include <charconv>
#include <cstdio>

namespace dl::bench {

using worker::transport::tcp::ConnectOptions;
using worker::transport::tcp::PeerAddress;

namespace {

Result<PeerAddress> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  PeerAddress address{.host = text.substr(0, colon)};
  const char* const begin = text.data() + (colon == std::string::npos ? text.size() : colon + 1);
  const char* const end = text.data() + text.size();
  const auto [rest, failed] = std::from_chars(begin, end, address.port);
  if (failed != std::errc() || rest != end) {
    return invalid_argument("\"" + text + "\" is not host:port");
  }
  return address;
}

}  // namespace

void RankOptions::add_to(CLI::App& app) {
  app.add_option("--rank", rank)->required();
  app.add_option("--peers", peers, "host:port of each rank")->required()->delimiter(',');
}

Result<ConnectOptions> connect_options(const RankOptions& options) {
  ConnectOptions connect{.rank = options.rank, .secret = "of the bench"};
  for (const std::string& peer : options.peers) {
    DL_TRY(auto address, parse_address(peer));
    connect.peers.push_back(std::move(address));
  }
  return connect;
}

int exit_code(const char* program, const RankOptions& options, const Result<void>& done) {
  if (done) return 0;
  std::fprintf(stderr, "%s rank %u: %s\n", program, options.rank, to_string(done.error()).c_str());
  return 1;
}

}  // namespace dl::bench
