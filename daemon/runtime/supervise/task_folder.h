// A task's folder: <agent state>/tasks/<job>.<trial>.<attempt>-<role>-<index>/. It is all that an
// agent knows of a task after a restart.
//
//   order     what was ordered, serialized; absent once the coordinator has forgotten the task
//   task.json what the task is told (model/task_context.h)
//   log       its stdout and stderr; outlives the task until retention takes the folder
//   pid, exit the supervisor's records (protocol.h)
//   failure   the worker's own word on why it failed
//   work/     its working directory, unless the order names one

#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/job.h"

namespace dl::runtime::supervise {

inline constexpr char kOrderFile[] = "order";
inline constexpr char kTaskFile[] = "task.json";
inline constexpr char kFailureFile[] = "failure";
inline constexpr char kWorkFolder[] = "work";

// "42.3.2-worker-0", and back; nothing for a folder of another name.
std::string folder_name(const TaskId& task);
std::optional<TaskId> task_of_folder(std::string_view name);

// What the supervisor has written about itself and its command.
struct PidRecord {
  pid_t supervisor = 0;
  std::uint64_t start_time = 0;  // Field 22 of /proc/<pid>/stat.
  std::string boot_id;
  pid_t task = 0;
};
std::optional<PidRecord> read_pid_record(const std::filesystem::path& folder);

struct ExitRecord {
  int code = 0;
  int signal = 0;
  std::uint64_t oom_kills = 0;
  std::string failed_step;  // Of the start (protocol.h); empty when it went well.
  int errnum = 0;           // Of that step.
};
std::optional<ExitRecord> read_exit_record(const std::filesystem::path& folder);

// What is in `dir`, by name; nothing when it cannot be read.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& dir);

// The whole file, or an error that names it.
Result<std::string> read_file(const std::filesystem::path& path);

// Replaces the file as a whole; readable by the owner alone. Not synced: a task does not outlive
// its machine.
Result<void> write_file(const std::filesystem::path& path, std::string_view text);

// Makes the folder, empty. What an earlier cluster has left under that name is set aside.
Result<void> create_task_folder(const std::filesystem::path& folder);

// Removes all but the log and the working directory.
void drop_task_folder(const std::filesystem::path& folder);

// The last line of the log that is not blank, cut to a length fit for a message.
std::string last_log_line(const std::filesystem::path& folder);

}  // namespace dl::runtime::supervise
