#include "daemon/runtime/device/probe.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <sstream>

#include "daemon/runtime/device/nvml.h"

namespace dl::runtime::device {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The cgroup folders of this process for `controller`, from its own up to the root: any of them
// may hold a limit.
std::vector<fs::path> cgroup_folders(const fs::path& root, std::string_view controller) {
  std::vector<fs::path> folders;
  std::istringstream lines(text_of(root / "proc/self/cgroup"));
  std::string line;
  while (std::getline(lines, line)) {
    const auto first = line.find(':');
    const auto second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool v2 = controllers.empty();
    if (!v2 &&
        ("," + controllers + ",").find("," + std::string(controller) + ",") == std::string::npos) {
      continue;
    }
    const fs::path mount = root / "sys/fs/cgroup" / (v2 ? "" : controllers);
    fs::path below = fs::path(line.substr(second + 1)).relative_path();
    for (; !below.empty(); below = below.parent_path()) folders.push_back(mount / below);
    folders.push_back(mount);
  }
  return folders;
}

std::uint32_t affinity_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) {
    return static_cast<std::uint32_t>(std::max(CPU_COUNT(&set), 1));
  }
  return static_cast<std::uint32_t>(std::max(::sysconf(_SC_NPROCESSORS_ONLN), 1L));
}

// In whole CPUs, rounded up; the largest number when there is no quota.
std::uint32_t quota_cpus(const fs::path& folder) {
  double quota = 0;
  double period = 0;
  if (std::istringstream v2(text_of(folder / "cpu.max")); !(v2 >> quota >> period)) {
    std::istringstream(text_of(folder / "cpu.cfs_quota_us")) >> quota;
    std::istringstream(text_of(folder / "cpu.cfs_period_us")) >> period;
  }
  if (quota <= 0 || period <= 0) return std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::max(1.0, (quota + period - 1) / period));
}

std::uint64_t limit_of(const fs::path& file) {
  std::uint64_t limit = 0;
  if (std::istringstream(text_of(file)) >> limit && limit > 0) return limit;
  return std::numeric_limits<std::uint64_t>::max();
}

bool wants(const std::vector<std::string>& wanted, const Gpu& gpu) {
  return std::any_of(wanted.begin(), wanted.end(), [&](const std::string& name) {
    return name == "all" || name == gpu.uuid || name == std::to_string(gpu.index);
  });
}

std::string list_of(const std::vector<Gpu>& gpus) {
  std::string list;
  for (const auto& gpu : gpus) {
    list += (list.empty() ? "" : ", ") + std::to_string(gpu.index) + " (" + gpu.uuid + ")";
  }
  return list.empty() ? "none" : list;
}

Result<void> all_named_exist(const std::vector<std::string>& wanted,
                             const std::vector<Gpu>& found) {
  for (const auto& name : wanted) {
    if (name == "all") continue;
    const bool exists =
        std::any_of(found.begin(), found.end(), [&](const Gpu& gpu) { return wants({name}, gpu); });
    if (exists) continue;
    return invalid_argument("GPU \"" + name + "\" of --gpus is not on this machine, which has: " +
                            list_of(found) + "; correct --gpus");
  }
  return {};
}

Result<void> add_gpus(const ProbeRequest& request, ProbeReport& report) {
  const auto& wanted = request.gpus;
  if (wanted.empty() || wanted == std::vector<std::string>{"none"}) return {};
  auto found = read_gpus(request.nvml);
  if (!found) {
    if (wanted != std::vector<std::string>{"all"}) return with_context("--gpus", found.error());
    report.remarks.push_back("no GPUs: " + found.error().message);
    return {};
  }
  report.remarks.insert(report.remarks.end(), found->problems.begin(), found->problems.end());
  DL_CHECK(all_named_exist(wanted, found->gpus));
  for (auto& gpu : found->gpus) {
    if (wants(wanted, gpu)) report.resources.gpus.push_back(std::move(gpu));
  }
  return {};
}

}  // namespace

std::uint32_t usable_cpus(const fs::path& root) {
  std::uint32_t cpus = affinity_cpus();
  for (const auto& folder : cgroup_folders(root, "cpu")) {
    cpus = std::min(cpus, quota_cpus(folder));
  }
  return cpus;
}

std::uint64_t usable_memory(const fs::path& root) {
  std::uint64_t bytes = 0;
  std::istringstream lines(text_of(root / "proc/meminfo"));
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream in(line);
    std::string key;
    std::uint64_t kib = 0;
    if (in >> key >> kib && key == "MemTotal:") bytes = kib << 10;
  }
  for (const auto& folder : cgroup_folders(root, "memory")) {
    bytes = std::min(
        {bytes, limit_of(folder / "memory.max"), limit_of(folder / "memory.limit_in_bytes")});
  }
  return bytes;
}

Result<ProbeReport> probe(const ProbeRequest& request) {
  ProbeReport report;
  report.resources.cpus = request.cpus > 0 ? request.cpus : usable_cpus(request.root);
  report.resources.memory_bytes =
      request.memory_bytes > 0 ? request.memory_bytes : usable_memory(request.root);
  DL_CHECK(add_gpus(request, report));
  return report;
}

}  // namespace dl::runtime::device
