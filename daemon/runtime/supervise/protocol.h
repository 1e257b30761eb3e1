// What an agent and a task's supervisor (cmd/supervisor) agree on: signals, descriptors and the
// files of a task's folder. Constants only: the supervisor links nothing but libc.

#pragma once

#include <csignal>

namespace dl::runtime::supervise {

// SIGTERM to a supervisor goes on to the task's whole process tree; this one kills the tree.
inline constexpr int kKillTreeSignal = SIGUSR1;

// The supervisor writes "<pid>\n" of the task's process here once it runs, and closes it.
inline constexpr int kStatusFd = 3;

// Files of a task's folder.
inline constexpr char kLogFile[] = "log";    // stdout and stderr, appended to by the task itself.
inline constexpr char kPidFile[] = "pid";    // "<supervisor> <start time> <boot id> <task>\n"
inline constexpr char kExitFile[] = "exit";  // Written when every process of the task is gone.

// Set for every process of a task to its folder: how they are found when there is no cgroup.
inline constexpr char kFolderVariable[] = "DL_TASK_FOLDER";

// The steps of a start that can fail; the exit file names the one that did.
inline constexpr char kStepLog[] = "log";
inline constexpr char kStepCgroup[] = "cgroup";
inline constexpr char kStepWorkdir[] = "workdir";
inline constexpr char kStepExec[] = "exec";
inline constexpr char kStepFork[] = "fork";

}  // namespace dl::runtime::supervise
