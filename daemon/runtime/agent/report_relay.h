// Hands the workers' reports on to the coordinator, and its acknowledgements back.
//
// Nothing is stored: a worker repeats what was not acknowledged. When the session with the
// coordinator ends, what was handed on in it may be lost, so the workers' streams are closed, and
// the workers come back and say it again.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "daemon/runtime/agent/task_service.h"
#include "model/job.h"

namespace dl::runtime::agent {

class ReportRelay {
 public:
  // Passes a report to the coordinator and calls `written` when the next may come.
  using Forward = std::function<void(const v1::TaskReport&, std::function<void()> written)>;

  explicit ReportRelay(Forward forward) : forward_(std::move(forward)) {}

  void set_session(bool there);

  // From a worker's stream. The task is one of this agent's.
  void report(const TaskId& task, const std::shared_ptr<WorkerStream>& stream,
              v1::TaskReport report);
  void closed(const std::shared_ptr<WorkerStream>& stream);

  void acknowledge(const TaskId& task, std::uint64_t number);

  // True while the task's stream is open: it may have something left to say.
  bool is_open(const TaskId& task) const;

 private:
  // Read ahead while there is no session, so that a worker's last word reaches its agent.
  static constexpr std::size_t kHeldMax = 64;

  struct Worker {
    std::shared_ptr<WorkerStream> stream;  // Null once it is closed, with reports still held.
    std::deque<v1::TaskReport> held;
    bool forwarding = false;
    bool reading = false;
  };

  void pump(const TaskId& task);
  void read_on(Worker& worker);

  Forward forward_;
  bool session_ = false;
  std::uint64_t sessions_ = 0;  // Counted, so that a `written` of an earlier one means nothing.
  std::map<TaskId, Worker> workers_;
};

}  // namespace dl::runtime::agent
