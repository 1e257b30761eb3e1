// Once faults have stopped every job ends, and nothing is left of it.

#pragma once

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class ProgressChecker : public Checker {
 public:
  using Checker::Checker;

  void on_end(const RunEnd& end) override {
    for (const auto& [id, job] : end.state.jobs) {
      violation("job " + to_string(id) + " is still " + std::string(to_string(job.state)) +
                " long after the last fault");
    }
    if (end.live_processes > 0) {
      violation(std::to_string(end.live_processes) + " processes live after their jobs");
    }
    for (const auto& [id, use] : end.state.index.use) {
      if (!use.tasks.empty() || use.cpus > 0 || !use.gpus.empty()) {
        violation("node " + id + " has slots that nobody holds and nobody gets");
      }
    }
  }
};

}  // namespace dl::sim
