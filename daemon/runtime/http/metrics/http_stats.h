// What the HTTP server counts about itself, for /metrics.

#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "daemon/runtime/server/stats.h"

namespace dl::runtime::http {

// Of the server's one thread. Routes are the methods' names, and so are bounded.
struct HttpStats {
  std::map<std::pair<std::string, int>, std::uint64_t> requests;  // By route and status.
  std::uint64_t connections = 0;                                  // Open, now.
  std::uint64_t connections_refused = 0;
  std::uint64_t streams = 0;                                  // Open, now.
  server::Histogram<server::kSecondsBounds> request_seconds;  // Without streams.
};

std::string metrics_of(const HttpStats& stats);

}  // namespace dl::runtime::http
