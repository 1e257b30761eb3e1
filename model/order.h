// What coordinator and agent say to each other about tasks. The wire (proto/dl/v1/agent.proto)
// carries these; both cores speak them.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "model/cluster.h"
#include "model/cluster_spec.h"
#include "model/job.h"
#include "model/task_context.h"

namespace dl {

// One task as its agent sees it.
struct TaskStatus {
  TaskId id;
  TaskState state = TaskState::kRunning;
  std::uint32_t pid = 0;         // Of the task's process; 0 before it exists.
  std::optional<TaskExit> exit;  // Set when `state` is kExited.

  friend bool operator==(const TaskStatus&, const TaskStatus&) = default;
};

// A task to run. An agent that has it already, or that has seen a stop for its attempt, does
// nothing but say so.
struct StartTask {
  NodeId node;
  TaskContext context;  // `control_socket` is the agent's to fill in.
  SlotSet slots;
  std::vector<std::string> gpu_uuids;
  std::vector<std::uint16_t> ports;  // Held by the agent; let go just before the task starts.
  bool builtin = false;              // Runs the worker binary; else `command`.
  bool warm = false;    // A builtin that an executor may run (daemon/agent/executors.h).
  std::string command;  // By /bin/sh -c.
  std::string workdir;  // Empty: the task's own scratch folder.
  Environment env;      // The cluster spec's variables with the user's own over them.
  std::chrono::milliseconds grace{};

  friend bool operator==(const StartTask&, const StartTask&) = default;
};

}  // namespace dl
