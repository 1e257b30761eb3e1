// The executors of this machine as processes: workers that stay from one trial to the next. A task
// that runs in one has a process of its own too, the stand-in (cmd/stand_in), which hands its
// environment and its output over by the socket in the executor's folder.
//
//   order      the order that it was started for, serialized
//   socket     where stand-ins come to (cmd/stand_in/hand_over.h)
//   log        what it says between tasks
//   pid, exit  its supervisor's records

#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "daemon/agent/event.h"
#include "daemon/runtime/supervise/cgroup.h"
#include "daemon/runtime/supervise/task_folder.h"

namespace dl::runtime::agent {

using dl::agent::ExecutorId;

struct ExecutorOptions {
  NodeId node;                // Of the agent.
  std::filesystem::path dir;  // One folder in it for each.
  std::filesystem::path supervisor;
  std::filesystem::path worker;
  Environment base_environment;
  supervise::Cgroups cgroups = supervise::Cgroups::none("not asked for");
  bool cpu_quota = false;
  std::chrono::seconds idle_max{60};  // So long without a task, and an executor ends by itself.
};

// Used on one thread, the one that runs the loop; so is its callback.
class ExecutorRunner {
 public:
  ExecutorRunner(boost::asio::io_context& loop, ExecutorOptions options,
                 std::function<void(ExecutorId)> ended);
  ~ExecutorRunner();

  // Watches what an earlier agent has left. Executors that run one of `tasks` are kept; the others
  // are ended, for nobody knows how their last task went. Once, before anything else.
  std::vector<dl::agent::ExecutorFound> adopt(const std::map<ExecutorId, TaskId>& tasks);

  // `ended` follows in any case, though not from within this call.
  void start(ExecutorId id, const StartTask& order);

  // Kills it, and calls `gone`, if there is one, when nothing of it is left.
  void end(ExecutorId id, std::function<void()> gone = nullptr);

  // How it ended; for some time after its end.
  std::optional<supervise::ExitRecord> exit_record(ExecutorId id) const;

  std::filesystem::path folder_of(ExecutorId id) const;

 private:
  struct Executor;

  Result<void> spawn(Executor& executor, const StartTask& order);
  void on_gone(ExecutorId id);

  boost::asio::io_context& loop_;
  const ExecutorOptions options_;
  const std::function<void(ExecutorId)> ended_;
  std::map<ExecutorId, std::shared_ptr<Executor>> executors_;
};

}  // namespace dl::runtime::agent
