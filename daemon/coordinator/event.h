// What the coordinator's core is told. The shell and the simulator make these; decide() reads them.

#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "daemon/coordinator/state.h"
#include "model/order.h"

namespace dl::coordinator {

// Names a caller that waits for a Reply effect. Unique within a process; means nothing to the core.
using RequestId = std::uint64_t;

// --- from users --------------------------------------------------------------------------------

struct SubmitJob {
  RequestId request = 0;
  SpecDocument document;
  std::string idempotency_key;  // Empty: every submit makes a job.
  std::string user;
};

// Stops a job; idempotent. `kill` skips the grace time.
struct CancelJob {
  RequestId request = 0;
  JobId job;
  bool kill = false;
};

struct DrainNode {
  RequestId request = 0;
  NodeId node;
  bool drain = true;  // False: takes tasks again.
  std::string reason;
};

// A search starts no more trials, or starts them again; idempotent.
struct PauseSearch {
  RequestId request = 0;
  JobId job;
  bool pause = true;  // False: resumes.
  std::string user;
};

// Gives a search more trials, and more at once.
struct ExtendSearch {
  RequestId request = 0;
  JobId job;
  std::uint32_t trials = 0;        // So many more.
  std::uint32_t max_parallel = 0;  // Instead of the spec's; 0: as it is.
};

// --- from agents -------------------------------------------------------------------------------
// An agent's messages may be lost, doubled or late; everything that matters is in the inventory,
// which is sent at connect and with every heartbeat.

// A new connection of the agent of `node`. The shell has checked the token; a name that is
// already connected is taken over by the newer connection.
struct AgentConnected {
  std::uint64_t connection = 0;  // The shell's name for the stream; effects to the node go there.
  NodeId node;
  std::string host;
  std::string agent_version;
  NodeResources resources;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskStatus> tasks;  // All it has: running, and exited but not yet forgotten.
};

// All the tasks it has, and the ports it holds for new ones.
struct AgentHeartbeat {
  NodeId node;
  std::uint64_t session = 0;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskStatus> tasks;
};

// One task has changed; the same as the next heartbeat would say, sooner.
struct TaskChanged {
  NodeId node;
  std::uint64_t session = 0;
  TaskStatus status;
};

// What a task itself says. Each task numbers its reports from 1; it repeats a report until it
// is acknowledged, and numbers have no gaps.
struct TaskReport {
  NodeId node;
  std::uint64_t session = 0;
  TaskId task;
  std::uint64_t number = 0;
  std::optional<Progress> progress;
  std::vector<MetricPoint> metrics;
  std::optional<Checkpoint> checkpoint;
};

struct AgentDisconnected {
  NodeId node;
  std::uint64_t session = 0;
};

// --- from the shell ----------------------------------------------------------------------------

// Time has come to next_deadline(state).
struct Tick {};

// The process has just started, or has gone back to its journal: no agent is connected. Loop sends
// this to itself.
struct Started {};

using Event =
    std::variant<SubmitJob, CancelJob, DrainNode, PauseSearch, ExtendSearch, AgentConnected,
                 AgentHeartbeat, TaskChanged, TaskReport, AgentDisconnected, Tick, Started>;

}  // namespace dl::coordinator
