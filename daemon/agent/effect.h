// What the agent's shell has to do.

#pragma once

#include <csignal>
#include <variant>

#include "daemon/agent/event.h"

namespace dl::agent {

// --- to the coordinator. Dropped by the shell when there is no connection. -------------------
struct SendRegistration {
  std::string node;
  NodeResources resources;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskStatus> tasks;
};
struct SendHeartbeat {
  std::uint64_t session = 0;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskStatus> tasks;
};
struct SendTaskChanged {
  std::uint64_t session = 0;
  TaskStatus status;
};

// --- to the machine --------------------------------------------------------------------------
struct SpawnTask {  // The shell lets go of the task's ports just before.
  StartTask order;
  std::optional<ExecutorId> executor = {};  // Runs it; none: a process of its own does.
};
struct StartExecutor {  // For this task first, and others that have its key.
  ExecutorId executor = 0;
  StartTask order;
};
struct EndExecutor {  // At once: it is idle.
  ExecutorId executor = 0;
};
struct SignalTask {  // The whole tree.
  TaskId task;
  int signal = SIGTERM;
};
struct DropTask {  // Its folder keeps the log; the rest may go.
  TaskId task;
};
struct HoldPorts {  // Reserve so many more.
  std::size_t count = 0;
};

using Effect = std::variant<SendRegistration, SendHeartbeat, SendTaskChanged, SpawnTask,
                            StartExecutor, EndExecutor, SignalTask, DropTask, HoldPorts>;

}  // namespace dl::agent
