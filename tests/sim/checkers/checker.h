// A checker watches a run and says when something has happened that must not. One file each.

#pragma once

#include <functional>
#include <map>
#include <string>

#include "daemon/coordinator/loop.h"
#include "model/cluster.h"
#include "model/order.h"

namespace dl::sim {

// A process as the machine itself knows it, whatever the daemons believe.
struct ProcessView {
  NodeId node;
  TaskId task;
  SlotSet slots;
  std::vector<std::uint16_t> ports;
};

// How a run ended.
struct RunEnd {
  const coordinator::State& state;
  std::size_t live_processes = 0;
};

class Checker {
 public:
  using Report = std::function<void(std::string)>;  // Ends the run.

  explicit Checker(Report report) : report_(std::move(report)) {}
  virtual ~Checker() = default;

  // --- on the machines -------------------------------------------------------------------------
  virtual void on_boot(const NodeId&, const NodeResources&) {}
  virtual void on_spawn(const ProcessView&) {}
  virtual void on_exit(const ProcessView&) {}
  // --- in the coordinator ----------------------------------------------------------------------
  // `after` is the state with the batch, which is on record.
  virtual void on_commit(const coordinator::Batch&, const coordinator::State&) {}
  virtual void on_recover(const coordinator::State&) {}
  // --- at the user's ---------------------------------------------------------------------------
  virtual void on_acknowledged(JobId, const std::string& /*key*/) {}
  virtual void on_end(const RunEnd&) {}

 protected:
  void violation(std::string text) const { report_(std::move(text)); }

 private:
  Report report_;
};

}  // namespace dl::sim
