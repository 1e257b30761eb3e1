// An executor is a worker process that stays: it runs one task after another, each handed over by
// its stand-in (cmd/stand_in), with libtorch, the device and the data at hand from the first one
// on. Its working directory is its folder; the socket there is how stand-ins find it.
//
// While a task runs, output, environment and working directory are the task's. An executor ends
// after a task that has failed, since nobody knows what that has left behind, and when its stand-in
// dies: the rest of the task goes with it.

#pragma once

#include <atomic>
#include <chrono>
#include <functional>

namespace dl::worker {

struct ExecutorOptions {
  std::chrono::seconds idle_max{60};  // So long without a task, and it ends.
  // Runs the task that the environment names, and returns its exit status.
  std::function<int()> run_task;
  std::atomic<bool>& stop;  // Of the task under way: set when its stand-in gets SIGTERM.
};

// Returns the process's exit status.
int run_executor(const ExecutorOptions& options);

}  // namespace dl::worker
