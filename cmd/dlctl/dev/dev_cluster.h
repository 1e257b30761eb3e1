// The dev cluster: a coordinator and some agents on this machine, in the background.
//
//   $XDG_STATE_HOME/dl/dev/
//     address, http_address      where the coordinator listens
//     coordinator/               its state, with token, log and process
//     agent-0/, agent-1/, …      each agent's state, with tasks/, log and process
//
// Whoever changes it holds a lock on the folder, so two `dlctl dev up` do not start it twice.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/dlctl/client/client.h"
#include "cmd/dlctl/dev/daemon_process.h"

namespace dl::dlctl {

struct DevOptions {
  std::filesystem::path folder;    // $XDG_STATE_HOME/dl/dev
  std::filesystem::path binaries;  // Where dl-coordinatord and dl-agentd are.
  std::uint32_t agents = 2;
  std::string address = "127.0.0.1:7400";
  std::string http_address = "127.0.0.1:7401";
};

// One of its daemons.
struct DevDaemon {
  std::string name;  // "coordinator", "local-0"
  std::filesystem::path folder;
  std::optional<DaemonRecord> process;  // Nothing: it does not run.
  bool started = false;                 // By this call of up().
};

class DevCluster {
 public:
  // Waits for the lock.
  static Result<DevCluster> open(DevOptions options);
  ~DevCluster();
  DevCluster(DevCluster&& other) noexcept;
  DevCluster& operator=(DevCluster&&) = delete;

  // Starts what does not run and waits until the coordinator answers and all agents are ready.
  // A coordinator that runs keeps the address it has. An error ends with the log of the daemon
  // that did not come up.
  Result<std::vector<DevDaemon>> up();

  // All there ever were, the coordinator first.
  std::vector<DevDaemon> daemons() const;

  // Jobs and tasks that would be lost: "42 (fashion-mnist)".
  Result<std::vector<std::string>> what_runs();

  // Cancels the live jobs, gracefully first; then ends all daemons and every process of a task.
  // Returns how many tasks had to be killed that no agent had stopped.
  Result<std::size_t> down();

  // Removes everything it ever wrote. It must be down.
  Result<void> purge();

  std::string address() const;
  Endpoint endpoint() const;

 private:
  DevCluster(DevOptions options, int lock_fd) : options_(std::move(options)), lock_fd_(lock_fd) {}

  std::filesystem::path coordinator_folder() const { return options_.folder / "coordinator"; }
  Result<DevDaemon> start_coordinator();
  Result<DevDaemon> start_agent(std::uint32_t index);
  Result<void> wait_until(const DevDaemon& daemon, const std::function<bool(Client&)>& ready);
  void cancel_jobs();

  DevOptions options_;
  int lock_fd_;
};

}  // namespace dl::dlctl
