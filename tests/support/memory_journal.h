// A Journal in memory: what is committed survives in it, as on a disk, and commits can be made to
// fail. For tests and the simulator.

#pragma once

#include <vector>

#include "daemon/coordinator/loop.h"

namespace dl::testing {

class MemoryJournal : public coordinator::Journal {
 public:
  Result<void> commit(const coordinator::Batch& batch) override {
    ++commits;
    if (failing) return unavailable("cannot write the journal: disk is full");
    mutations.insert(mutations.end(), batch.mutations.begin(), batch.mutations.end());
    auto& rows = records;
    rows.events.insert(rows.events.end(), batch.records.events.begin(), batch.records.events.end());
    rows.metrics.insert(rows.metrics.end(), batch.records.metrics.begin(),
                        batch.records.metrics.end());
    rows.finished.insert(rows.finished.end(), batch.records.finished.begin(),
                         batch.records.finished.end());
    return {};
  }

  Result<coordinator::State> recover() override {
    if (unreadable) return Error{Code::kDataLoss, "cannot read the journal"};
    coordinator::State state;
    for (const auto& mutation : mutations) coordinator::apply(state, mutation);
    return state;
  }

  bool failing = false;
  bool unreadable = false;
  int commits = 0;  // Tried.
  std::vector<coordinator::Mutation> mutations;
  coordinator::Records records;
};

}  // namespace dl::testing
