// A gang is placed all or none, starts only as placed, and no attempt is placed before the one
// before it has ended.

#pragma once

#include <set>

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class GangsChecker : public Checker {
 public:
  using Checker::Checker;

  void on_spawn(const ProcessView& process) override {
    const auto placed = placed_.find(process.task);
    if (placed == placed_.end()) {
      violation(to_string(process.task) + " starts and was never placed");
    } else if (!(placed->second == process.slots) || process.slots.node != process.node) {
      violation(to_string(process.task) + " starts on other slots than it was given");
    }
  }

  void on_commit(const coordinator::Batch& batch, const coordinator::State&) override {
    for (const auto& mutation : batch.mutations) {
      if (const auto* m = std::get_if<coordinator::JobSubmitted>(&mutation)) {
        tasks_[m->job] = m->document.parsed->task_count();
      } else if (const auto* p = std::get_if<coordinator::AttemptPlaced>(&mutation)) {
        place(*p);
      } else if (const auto* e = std::get_if<coordinator::AttemptEnded>(&mutation)) {
        open_.erase(e->attempt.trial_id());
      }
    }
  }

 private:
  void place(const coordinator::AttemptPlaced& placed) {
    if (placed.tasks.size() != tasks_[placed.attempt.job]) {
      violation("attempt " + to_string(placed.attempt) + " has " +
                std::to_string(placed.tasks.size()) + " of " +
                std::to_string(tasks_[placed.attempt.job]) + " tasks");
    }
    if (!open_.insert(placed.attempt.trial_id()).second) {
      violation("attempt " + to_string(placed.attempt) + " is placed before the last one ended");
    }
    for (const auto& task : placed.tasks) {
      placed_[{placed.attempt, task.role, task.index}] = task.slots;
    }
  }

  std::map<JobId, std::size_t> tasks_;
  std::set<TrialId> open_;
  std::map<TaskId, SlotSet> placed_;
};

}  // namespace dl::sim
