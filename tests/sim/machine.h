// A machine: an agent's process with the real core in it, and the processes of tasks, which live on
// when the agent dies.

#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>

#include "daemon/agent/decide.h"
#include "tests/sim/checkers/checker.h"
#include "tests/sim/network.h"

namespace dl::sim {

class World;

// A task's process and its supervisor, which keeps the exit until the agent drops the task.
struct Process {
  ProcessView view;
  std::uint32_t pid = 0;
  bool hangs = false;
  bool ignores_sigterm = false;
  std::chrono::milliseconds grace{};
  std::optional<TaskExit> exit;
  std::uint64_t reports = 0;       // Made.
  std::uint64_t acknowledged = 0;  // Of them.
  // Of a search's trial: what it varies, and how far it is. Each report is an epoch.
  std::optional<double> lr;
  std::uint32_t first_epoch = 0;  // Of the checkpoint it began with.
  bool silent = false;            // Says nothing of the objective.
};

class Machine {
 public:
  Machine(World& world, NodeId name);

  const NodeId& name() const { return name_; }
  // Tells the checkers what it has.
  void boot();
  void start_agent();
  void crash_agent();
  // Everything on it dies; the agent finds nothing.
  void reboot();
  void break_connection();

  void receive(const agent::Event& event);
  void acknowledge(const TaskId& task, std::uint64_t number);
  void on_closed(const LinkPtr& link);

  std::size_t live_processes() const;
  // What hangs is killed by somebody outside.
  void end_hangs();
  // A peer of `task` has failed: its own tasks of that attempt cannot reach it any more.
  void lose_peer(const AttemptId& attempt);

 private:
  void decide(const agent::Event& event);
  void set_timer();
  void connect();
  void run_effect(const agent::Effect& effect);
  template <class Event>
  void send(Event event);
  void spawn(const StartTask& order);
  void run_process(const TaskId& task);
  void report(const TaskId& task, std::uint32_t pid);
  void report_epoch(const TaskId& task, Process& process, coordinator::TaskReport& message);
  void signal(const TaskId& task, int number);
  void exit_after(Duration delay, const TaskId& task, TaskExit exit);
  void exit(const TaskId& task, const TaskExit& exit);
  void hold_ports(std::size_t count);

  World& world_;
  NodeId name_;
  NodeResources resources_;
  agent::Settings settings_;
  std::unique_ptr<agent::State> agent_;  // Null while the agent is down.
  LinkPtr link_;
  std::map<TaskId, Process> processes_;
  std::set<std::uint16_t> held_;
  std::uint32_t next_pid_ = 100;
  std::uint64_t life_ = 0;
  std::uint64_t timer_ = 0;
};

}  // namespace dl::sim
