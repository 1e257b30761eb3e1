// A task that is on record as ended has no process any more, unless its node was given up; and no
// process starts for a task whose attempt has ended.

#pragma once

#include <set>

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class ExitsChecker : public Checker {
 public:
  using Checker::Checker;

  void on_spawn(const ProcessView& process) override {
    if (ended_.contains(process.task)) {
      violation(to_string(process.task) + " starts on node " + process.node +
                " though it is on record as ended");
    }
    live_.insert(process.task);
  }
  void on_exit(const ProcessView& process) override { live_.erase(process.task); }

  void on_commit(const coordinator::Batch& batch, const coordinator::State&) override {
    for (const auto& mutation : batch.mutations) {
      const auto* update = std::get_if<coordinator::TaskUpdated>(&mutation);
      if (update == nullptr || update->state != TaskState::kExited) continue;
      if (update->exit && update->exit->kind == FailureKind::kNodeLost) continue;
      ended_.insert(update->task);
      if (live_.contains(update->task)) {
        violation(to_string(update->task) + " is on record as ended while its process lives");
      }
    }
  }

 private:
  std::set<TaskId> live_;
  std::set<TaskId> ended_;
};

}  // namespace dl::sim
