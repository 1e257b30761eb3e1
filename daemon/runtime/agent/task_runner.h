// The tasks of this machine as processes: starts them, signals them, notices their end, and finds
// them again after a restart of the agent.

#pragma once

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/agent/event.h"
#include "daemon/runtime/agent/executor_runner.h"
#include "daemon/runtime/supervise/cgroup.h"
#include "daemon/runtime/supervise/exit_report.h"

namespace dl::runtime::agent {

struct RunnerOptions {
  std::filesystem::path tasks_dir;
  std::filesystem::path supervisor;
  std::filesystem::path worker;
  std::filesystem::path stand_in;
  std::string control_socket;
  Environment base_environment;
  supervise::Cgroups cgroups = supervise::Cgroups::none("not asked for");
  bool cpu_quota = false;  // CPUs as a hard limit rather than a weight.
};

// Used on one thread, the one that runs the loop; so are its callbacks.
class TaskRunner {
 public:
  struct Callbacks {
    std::function<void(const TaskId&, std::uint32_t pid)> spawned;
    // Its processes are gone: `exit_of` has its exit from now on.
    std::function<void(const TaskId&)> ended;
  };

  TaskRunner(boost::asio::io_context& loop, RunnerOptions options, ExecutorRunner& executors,
             Callbacks callbacks);
  ~TaskRunner();

  // The tasks an earlier agent of this node has left: running ones are watched from now on. Once,
  // before anything else.
  std::vector<dl::agent::TaskFound> adopt();
  // The executors that run tasks which are alive.
  std::map<ExecutorId, TaskId> executors_in_use() const;

  // `ended` follows in any case, though not from within this call. With an executor, which may be
  // starting still, the task's process stands in for the worker.
  void start(const StartTask& order, std::optional<ExecutorId> executor);
  void signal(const TaskId& task, int number);

  // Whether a task can be run by an executor at all: the stand-in is installed.
  bool can_stand_in() const;

  // Keeps what the worker says of its failure for the exit.
  void record_failure(const TaskId& task, const supervise::WorkerFailure& failure);
  TaskExit exit_of(const TaskId& task) const;

  // Forgets a task that has ended; its log stays.
  void drop(const TaskId& task);

  std::filesystem::path folder_of(const TaskId& task) const;
  const RunnerOptions& options() const { return options_; }

 private:
  struct Process;

  std::vector<std::string> command_in(const Process& process, const StartTask& order) const;
  Result<void> spawn(Process& process, const StartTask& order);
  bool adopt_folder(const std::filesystem::path& folder, const TaskId& id,
                    std::vector<dl::agent::TaskFound>& found);
  bool watch_again(Process& process, dl::agent::TaskFound& found);
  void await_status(const std::shared_ptr<Process>& process);
  void read_status(Process& process);
  void on_tree_gone(const TaskId& task);
  void end(const std::shared_ptr<Process>& process);

  boost::asio::io_context& loop_;
  RunnerOptions options_;
  ExecutorRunner& executors_;
  Callbacks callbacks_;
  std::map<TaskId, std::shared_ptr<Process>> processes_;
};

}  // namespace dl::runtime::agent
