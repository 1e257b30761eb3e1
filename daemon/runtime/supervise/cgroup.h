// Control groups: memory limits, CPU shares and a bound on processes for each task, where this
// process may make cgroups. Both generations are spoken; without either, tasks run unlimited.
//
//   v2  <own cgroup>/dl-<node>/<task>                   one hierarchy
//   v1  <own cgroup of a controller>/dl-<node>/<task>   one for memory, cpu and pids each
//
// dl-<node> is there only while a task is: nothing is left behind, not even by a killed agent.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace dl::runtime::supervise {

struct CgroupLimits {
  std::uint64_t memory_bytes = 0;   // 0: none.
  std::uint32_t cpus = 0;           // A weight: idle CPUs are anybody's. 0: the default weight.
  std::uint32_t cpu_quota = 0;      // In CPUs, a hard limit. 0: none.
  std::uint32_t processes_max = 0;  // 0: none.
};

// What /proc says; a test says it instead.
struct CgroupSources {
  std::string mountinfo;   // /proc/self/mountinfo
  std::string membership;  // /proc/self/cgroup
  pid_t self = 0;          // Moved aside where v2 wants no processes in inner cgroups.
};

class Cgroups {
 public:
  enum class Version { kNone, kV1, kV2 };

  // Looks for a hierarchy to use, and tries whether dl-<node> can be made in it.
  static Cgroups detect(const CgroupSources& sources, std::string_view node);
  // With what /proc says of this process.
  static Cgroups detect(std::string_view node);
  static Cgroups none(std::string reason);

  Version version() const { return version_; }
  // For the agent's first log line: where, or why not.
  const std::string& description() const { return description_; }

  // Makes the cgroups of a task and returns their folders, for the supervisor to join and, at the
  // end, to remove. A limit that cannot be set is an error, and nothing is left behind.
  Result<std::vector<std::string>> create(const std::string& task,
                                          const CgroupLimits& limits) const;

  // The processes in a task's cgroups.
  std::vector<pid_t> processes(const std::string& task) const;

  // Removes what a killed supervisor could not.
  void remove(const std::string& task) const;

 private:
  Result<void> make_parent(const std::filesystem::path& parent) const;
  Result<std::string> make_task(const std::filesystem::path& parent, const std::string& task,
                                const CgroupLimits& limits) const;
  Result<void> apply(const std::filesystem::path& folder, const CgroupLimits& limits) const;

  Version version_ = Version::kNone;
  std::string description_;
  std::vector<std::filesystem::path> parents_;  // dl-<node>, in each hierarchy.
  std::set<std::string> controllers_;           // Of v2: handed down to the tasks.
};

}  // namespace dl::runtime::supervise
