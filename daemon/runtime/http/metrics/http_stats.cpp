#include "daemon/runtime/http/metrics/http_stats.h"

#include <array>

#include "daemon/runtime/http/metrics/metrics_text.h"

namespace dl::runtime::http {

std::string metrics_of(const HttpStats& stats) {
  MetricsText text;
  text.family("dl_http_requests_total", "counter", "HTTP requests by route and status.");
  for (const auto& [key, count] : stats.requests) {
    text.sample("dl_http_requests_total",
                {{"route", key.first}, {"code", std::to_string(key.second)}},
                static_cast<double>(count));
  }
  text.gauge("dl_http_connections", "HTTP connections open.",
             static_cast<double>(stats.connections));
  text.counter("dl_http_connections_refused_total", "HTTP connections refused: too many.",
               static_cast<double>(stats.connections_refused));
  text.gauge("dl_http_streams", "HTTP streams open.", static_cast<double>(stats.streams));
  std::array<std::uint64_t, server::Histogram<server::kSecondsBounds>::kBuckets> counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = stats.request_seconds.bucket(i);
  text.histogram("dl_http_request_seconds", "From a request to its answer, streams apart.",
                 server::kSecondsBounds, counts, stats.request_seconds.sum());
  return text.text();
}

}  // namespace dl::runtime::http
