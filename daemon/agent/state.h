// The agent's state: its tasks as far as it has seen them. Nothing of it is journaled: after a
// crash the supervisors, which outlive the agent, tell it what there is.

#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "daemon/agent/executors.h"
#include "model/cluster.h"
#include "model/job.h"
#include "model/order.h"

namespace dl::agent {

struct AgentTask {
  TaskStatus status;
  SlotSet slots;
  std::vector<std::uint16_t> ports;
  std::chrono::milliseconds grace{};
  // Set while a signal waits for its effect: then comes SIGKILL, and again until the tree is gone.
  std::optional<Timestamp> kill_at;
  bool killing = false;  // SIGKILL's turn has come: no way back to a gentler one.

  friend bool operator==(const AgentTask&, const AgentTask&) = default;
};

// Attempts of a trial up to this one were stopped or overtaken: never started again.
struct Fence {
  std::uint32_t attempt = 0;
  Timestamp since{};  // Of the last order that raised or confirmed it.

  friend bool operator==(const Fence&, const Fence&) = default;
};

struct State {
  NodeId node;
  NodeResources resources;
  std::map<TaskId, AgentTask>
      tasks;  // Live ones, and ended ones the coordinator has not forgotten.
  // What a late or doubled order is measured against. Both are kept for Settings::memory only.
  std::map<TrialId, Fence> fence;
  std::map<TaskId, Timestamp> forgotten;
  std::set<std::uint16_t> free_ports;  // Held by the shell for tasks to come.
  Executors executors;
  // Tasks that start when executors that are ending have gone from their slots.
  std::map<TaskId, StartTask> held_back;
  bool connected = false;
  std::uint64_t session = 0;  // 0 until the coordinator's welcome.
  Timestamp next_heartbeat{};

  friend bool operator==(const State&, const State&) = default;
};

struct Settings {
  std::chrono::milliseconds heartbeat{2000};
  // Without a welcome by then the registration is repeated.
  std::chrono::milliseconds welcome_timeout{10000};
  std::chrono::milliseconds kill_again{1000};
  std::size_t ports_min = 16;  // The pool is refilled below this, to twice as many.
  // How long stopped and forgotten tasks are remembered. An order cannot be later than the stream
  // it came by lives after its coordinator is gone, which is seconds.
  std::chrono::milliseconds memory{3'600'000};
  std::size_t memory_max = 65536;  // Entries of each kind; the oldest go first.
};

}  // namespace dl::agent
