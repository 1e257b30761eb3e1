// A task's reports are on record once each, in order, and only while its attempt is live.

#pragma once

#include "daemon/coordinator/lookup.h"
#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class ReportsChecker : public Checker {
 public:
  using Checker::Checker;

  void on_commit(const coordinator::Batch& batch, const coordinator::State&) override {
    for (const auto& mutation : batch.mutations) {
      if (const auto* p = std::get_if<coordinator::AttemptPlaced>(&mutation)) {
        newest_[p->attempt.trial_id()] = p->attempt.attempt;
      }
      const auto* report = std::get_if<coordinator::TrialReported>(&mutation);
      if (report == nullptr) continue;
      if (report->task.attempt.attempt != newest_[report->task.attempt.trial_id()]) {
        violation("a report of " + to_string(report->task) + " is recorded after its attempt");
      }
      if (report->number != ++last_[report->task]) {
        violation("report " + std::to_string(report->number) + " of " + to_string(report->task) +
                  " is out of order");
      }
    }
  }

 private:
  std::map<TrialId, std::uint32_t> newest_;
  std::map<TaskId, std::uint64_t> last_;
};

}  // namespace dl::sim
