// The agent's state: its tasks as far as it has seen them. Nothing of it is journaled: after a
// crash the supervisors, which outlive the agent, tell it what there is.

#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "model/cluster.h"
#include "model/job.h"
#include "model/order.h"

namespace dl::agent {

struct AgentTask {
  TaskStatus status;
  SlotSet slots;
  std::vector<std::uint16_t> ports;
  std::chrono::milliseconds grace{};
  std::optional<Timestamp> kill_at;  // Set while a SIGTERM waits for its effect.

  friend bool operator==(const AgentTask&, const AgentTask&) = default;
};

struct State {
  NodeId node;
  NodeResources resources;
  std::map<TaskId, AgentTask> tasks;      // Live ones, and ended ones the coordinator has not forgotten.
  std::map<TrialId, std::uint32_t> fence; // Attempts up to this one were stopped: never started again.
  std::set<std::uint16_t> free_ports;     // Held by the shell for tasks to come.
  bool connected = false;
  std::uint64_t session = 0;              // 0 until the coordinator's welcome.
  Timestamp next_heartbeat{};

  friend bool operator==(const State&, const State&) = default;
};

struct Settings {
  std::chrono::milliseconds heartbeat{2000};
  std::size_t ports_min = 16;  // The pool is refilled below this.
};

}  // namespace dl::agent
