// Old task folders go, so that logs do not fill the disk.

#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace dl::runtime::supervise {

struct Retention {
  std::chrono::hours age_max{24 * 7};
  std::uint64_t bytes_max = 10ULL << 30;  // Of all folders that may go.
};

// Removes folders of `tasks_dir` whose log is older than age_max, then the oldest until the rest
// fits bytes_max. `keep` names folders of tasks the agent still has; a folder that has an order is
// kept as well. Returns the names removed.
std::vector<std::string> remove_old_folders(const std::filesystem::path& tasks_dir,
                                            const Retention& retention,
                                            const std::set<std::string>& keep,
                                            std::filesystem::file_time_type now);

}  // namespace dl::runtime::supervise
