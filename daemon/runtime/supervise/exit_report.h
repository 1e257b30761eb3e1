// From what a supervisor and a worker have left behind to the TaskExit the coordinator is told:
// whose fault it was, the cause, and what to do next.

#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "daemon/runtime/supervise/task_folder.h"
#include "model/job.h"

namespace dl::runtime::supervise {

// What the agent knows beside the records.
struct ExitFacts {
  std::string program;  // What was to be executed: the worker's path, or /bin/sh.
  std::string workdir;
  std::uint64_t memory_bytes = 0;  // The task's limit; 0: none.
  bool killed_by_us = false;       // The agent has sent SIGTERM or SIGKILL.
};

// What the worker has said of its own failure, before it exited.
struct WorkerFailure {
  FailureKind kind = FailureKind::kUserCode;
  std::string message;
};
Result<void> write_failure(const std::filesystem::path& folder, const WorkerFailure& failure);
std::optional<WorkerFailure> read_failure(const std::filesystem::path& folder);

// Why a task is gone whose cgroup counts an OOM kill.
std::string out_of_memory_message(const ExitFacts& facts);

// Reads the records in `folder`. Without an exit record the supervisor itself was killed, or the
// machine went down under it.
TaskExit exit_of(const std::filesystem::path& folder, const ExitFacts& facts);

// A task that could not be started at all; `error` is spawn_supervisor's, or a folder's.
TaskExit exit_of_failed_spawn(const Error& error);

}  // namespace dl::runtime::supervise
