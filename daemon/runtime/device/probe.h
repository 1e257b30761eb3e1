// What this machine can offer: CPUs, memory and GPUs, as far as this process may use them.

#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"

namespace dl::runtime::device {

struct ProbeRequest {
  std::uint32_t cpus = 0;          // 0: those this process may run on.
  std::uint64_t memory_bytes = 0;  // 0: the machine's, or the cgroup's limit.
  // "none", "all", or indexes and UUIDs.
  std::vector<std::string> gpus = {"all"};
  std::string nvml = "libnvidia-ml.so.1";
  std::filesystem::path root = "/";  // Where proc/ and sys/ are; a test has its own.
};

struct ProbeReport {
  NodeResources resources;
  std::vector<std::string> remarks;  // For the log: what was left out, and why.
};

// kInvalidArgument  a GPU was named that is not there; the message lists those that are.
Result<ProbeReport> probe(const ProbeRequest& request);

// CPUs by affinity and by the cgroup's quota, at least one.
std::uint32_t usable_cpus(const std::filesystem::path& root);

// The smaller of MemTotal and the cgroup's limit.
std::uint64_t usable_memory(const std::filesystem::path& root);

}  // namespace dl::runtime::device
