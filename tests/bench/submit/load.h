// Many clients that submit one job after the other, each as soon as the one before is
// acknowledged.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace dl::bench {

struct LoadOptions {
  std::string address;
  std::string token;
  std::uint32_t clients = 64;  // Each with a connection of its own.
  std::chrono::milliseconds warm_up{500};
  std::chrono::milliseconds duration{5000};
};

struct LoadResult {
  double submits_per_second = 0;
  std::uint64_t acknowledged = 0;    // In all, the warm-up too.
  std::vector<double> latencies_ms;  // Ascending, without the warm-up.
  std::string error;                 // Of the first submit that failed.
};

LoadResult run_load(const LoadOptions& options);

// The value below which a share `q` of the ascending `values` lies; 0 when there are none.
double quantile(const std::vector<double>& values, double q);

}  // namespace dl::bench
