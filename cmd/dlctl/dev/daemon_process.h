// A daemon of the dev cluster as a process: started detached, found again by pid and start time,
// so that a stranger who got the pid later is never signalled.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace dl::dlctl {

struct DaemonRecord {
  pid_t pid = 0;
  std::uint64_t start_time = 0;  // Field 22 of /proc/<pid>/stat.
  std::string boot_id;
};

// Starts `command` in a session of its own, without a terminal; its output is appended to
// <folder>/log and the record is kept in <folder>/process. Errors name the program.
Result<DaemonRecord> start_daemon(const std::filesystem::path& folder,
                                  const std::vector<std::string>& command);

// The daemon of this folder, if it is alive.
std::optional<DaemonRecord> find_daemon(const std::filesystem::path& folder);
bool is_alive(const DaemonRecord& record);

// SIGTERM to all, SIGKILL to those that are still there after `grace`. Returns when all are gone.
void stop_daemons(const std::vector<DaemonRecord>& records, std::chrono::seconds grace);

// The last lines of <folder>/log: why a daemon did not come up.
std::string log_tail(const std::filesystem::path& folder, std::size_t lines);

// Ends the task processes that outlived the agent of this state folder. Returns how many there
// were.
std::size_t kill_tasks(const std::filesystem::path& agent_folder);

// How many tasks of this agent are alive.
std::size_t count_tasks_alive(const std::filesystem::path& agent_folder);

}  // namespace dl::dlctl
