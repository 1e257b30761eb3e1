// The state recovered after a crash is the state of the last commit that was answered.

#pragma once

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class RecoveryChecker : public Checker {
 public:
  using Checker::Checker;

  void on_commit(const coordinator::Batch&, const coordinator::State& after) override {
    last_ = after;
  }
  void on_recover(const coordinator::State& state) override {
    if (!(state == last_)) violation("recovery gives another state than was committed");
    auto rebuilt = state;
    coordinator::rebuild_index(rebuilt);
    if (!(rebuilt.index == state.index)) violation("the recovered index is not that of its state");
  }

 private:
  coordinator::State last_;
};

}  // namespace dl::sim
