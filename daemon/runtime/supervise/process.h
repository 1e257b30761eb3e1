// Processes as /proc shows them: who still is who it was, and who belongs to a task.

#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "daemon/runtime/supervise/task_folder.h"

namespace dl::runtime::supervise {

// Field 22 of /proc/<pid>/stat: with the pid it names a process for good. Nothing for a zombie.
std::optional<std::uint64_t> start_time_of(pid_t pid);

// Changes with every start of the machine.
const std::string& boot_id();

// True when the supervisor of `record` is alive: same boot, same pid, same start time.
bool is_alive(const PidRecord& record);

// Processes of the task in `folder` that have lost their supervisor: they carry the folder in
// their environment, or are of the supervisor's session (0: unknown).
std::vector<pid_t> find_strays(const std::filesystem::path& folder, pid_t session);

// The process's supervisor, when it is one and belongs to `folder`.
std::optional<pid_t> find_supervisor(const std::filesystem::path& folder);

}  // namespace dl::runtime::supervise
