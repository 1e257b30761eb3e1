// What the agent's core is told.

#pragma once

#include <string>
#include <variant>
#include <vector>

#include "daemon/agent/state.h"

namespace dl::agent {

// --- from the coordinator --------------------------------------------------------------------
struct Connected {};  // The stream is up; the coordinator waits for our registration.
struct Disconnected {};
struct Welcomed {
  std::uint64_t session = 0;
};
struct StartOrdered {
  StartTask order;
};
struct StopOrdered {
  TaskId task;
  std::chrono::milliseconds grace{};
};
struct ForgetOrdered {
  TaskId task;
};

// --- from supervisors and the shell ----------------------------------------------------------
// A supervisor that was found when the agent started: running, stopping, or dead with
// an exit on record.
struct TaskFound {
  TaskStatus status;
  SlotSet slots;
  std::vector<std::uint16_t> ports;
  std::chrono::milliseconds grace{};
};
struct TaskSpawned {
  TaskId task;
  std::uint32_t pid = 0;
};
// The whole process tree is gone. Also when it could not be spawned at all: `exit.kind` is set.
struct TaskEnded {
  TaskId task;
  TaskExit exit;
};
// An executor of an earlier agent that runs a task which was found. `order` is the one that it was
// started for.
struct ExecutorFound {
  ExecutorId executor = 0;
  StartTask order;
  TaskId task;
};
// The process is gone, for whatever reason, or could not be started.
struct ExecutorEnded {
  ExecutorId executor = 0;
};
struct PortsHeld {
  std::vector<std::uint16_t> ports;  // All that the shell holds now.
};
struct Tick {};

using Event =
    std::variant<Connected, Disconnected, Welcomed, StartOrdered, StopOrdered, ForgetOrdered,
                 TaskFound, TaskSpawned, TaskEnded, ExecutorFound, ExecutorEnded, PortsHeld, Tick>;

}  // namespace dl::agent
