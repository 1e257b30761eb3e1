// What the shell has to do once the mutations of a decision are durable.

#pragma once

#include <variant>

#include "daemon/coordinator/event.h"
#include "model/order.h"

namespace dl::coordinator {

// --- to users ----------------------------------------------------------------------------------

// The answer to a request, an event of a user. After a submit it carries the job's number:
// the old one's, when the idempotency key was known.
struct Reply {
  RequestId request = 0;
  Result<JobId> result;
};

// --- to agents. Each may be repeated; the agent takes each once. -------------------------------

// The answer to AgentConnected. When that connection is gone by now, the shell says so with an
// AgentDisconnected of this session: else the node would count as connected for ever.
struct WelcomeAgent {
  std::uint64_t connection = 0;
  NodeId node;
  std::uint64_t session = 0;
};

// SIGTERM now and SIGKILL after `grace`, to the whole tree; repeated, it only shortens the time.
// Also fences: a StartTask that comes later for this task is refused. An agent that does not have
// the task answers that it has exited, and keeps saying so until it is told to forget it: slots
// are given up only on the agent's word.
struct StopTask {
  NodeId node;
  TaskId task;
  std::chrono::milliseconds grace{};
};

// The task's end is on record: the agent may drop it (and keeps its log).
struct ForgetTask {
  NodeId node;
  TaskId task;
};

// Reports up to `number` are committed, or are of no interest any more.
struct AcknowledgeReports {
  NodeId node;
  TaskId task;
  std::uint64_t number = 0;
};

// Close the connection: a newer one of the same node has taken over, or the coordinator has gone
// back to its journal. `session` 0: whichever connection the node has, welcomed or not.
struct DropAgent {
  NodeId node;
  std::uint64_t session = 0;
  std::string reason;
};

using Effect = std::variant<Reply, WelcomeAgent, StartTask, StopTask, ForgetTask,
                            AcknowledgeReports, DropAgent>;

}  // namespace dl::coordinator
