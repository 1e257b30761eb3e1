// The agent's shell: what is around its core (daemon/agent). One control thread owns the core's
// state; processes, ports, the coordinator and the workers come to it as events.
//
// The agent may be stopped or killed at any time: its tasks go on, and the next agent with the
// same state folder finds them.

#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "daemon/runtime/agent/coordinator_link.h"
#include "daemon/runtime/agent/port_pool.h"
#include "daemon/runtime/supervise/retention.h"
#include "model/cluster.h"

namespace dl::runtime::agent {

struct AgentConfig {
  NodeId node;
  std::string host;  // What other nodes dial; empty: what the coordinator sees.
  std::string version;
  std::filesystem::path state_dir;
  std::filesystem::path supervisor;  // Binaries.
  std::filesystem::path worker;
  std::filesystem::path stand_in;  // Beside an executor's task; not there: no executors.
  NodeResources resources;
  PortRange ports;
  std::chrono::milliseconds heartbeat{2000};  // Until the coordinator says another.
  LinkOptions link;
  bool cgroups = true;
  bool cpu_quota = false;
  supervise::Retention retention;
};

class AgentShell {
 public:
  // Takes the state folder and finds its tasks. kFailedPrecondition when another agent has it.
  static Result<std::unique_ptr<AgentShell>> create(AgentConfig config);
  ~AgentShell();

  // Works until stop(). The tasks outlive it.
  void run();
  void stop();  // From any thread.

 private:
  class Impl;
  explicit AgentShell(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace dl::runtime::agent
