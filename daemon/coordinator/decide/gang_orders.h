// The orders by which an attempt's tasks are started: cluster spec, environment and the context
// that every task is given.

#pragma once

#include <string>
#include <vector>

#include "daemon/coordinator/state.h"
#include "model/order.h"

namespace dl::coordinator {

// One gang's orders. What all its tasks share is made once; refers to the arguments.
class GangOrders {
 public:
  GangOrders(const State& state, const Settings& settings, const AttemptId& attempt,
             const std::string& secret, const std::vector<Task>& tasks);

  StartTask start(const Task& task) const;

 private:
  TaskContext context_of(const Task& task) const;
  std::string checkpoint_of(const Trial& trial) const;
  std::string inherited_checkpoint() const;
  std::vector<std::string> uuids_of(const SlotSet& slots) const;

  const State& state_;
  const Settings& settings_;
  AttemptId attempt_;
  const std::string& secret_;
  const Job& job_;
  const Trial& trial_;
  const JobSpec& spec_;
  ClusterSpec cluster_;
  std::string spec_json_;
};

// <artifact_root>/<job>/<trial>
std::string artifact_dir(const Settings& settings, const TrialId& trial);

}  // namespace dl::coordinator
