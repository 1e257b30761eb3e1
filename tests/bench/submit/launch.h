// How long it takes from a submit to the first instruction of the job's own program, on an idle
// cluster of one real agent.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace dl::bench {

struct LaunchOptions {
  std::string address;
  std::string token;
  std::filesystem::path scratch;
  std::uint32_t launches = 50;
};

// Milliseconds, ascending. Throws when a job does not succeed.
std::vector<double> run_launches(const LaunchOptions& options);

}  // namespace dl::bench
