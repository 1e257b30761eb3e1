#include "tests/sim/journal.h"

#include "tests/sim/world.h"

namespace dl::sim {

namespace {

// The planted bug leaves these out: without other mutations the journal could not even be read.
bool is_report(const coordinator::Batch& batch) {
  return batch.mutations.size() == 1 &&
         std::holds_alternative<coordinator::TrialReported>(batch.mutations.front());
}

}  // namespace

void Journal::write(const coordinator::Batch& batch) {
  ++commits_;
  const bool skipped = world_.bug() == Bug::kSkipCommit && is_report(batch);
  if (!skipped) entries_.push_back({.mutations = batch.mutations, .torn = false});
  for (const auto& mutation : batch.mutations) coordinator::apply(committed_, mutation);
  world_.tell([&](Checker& checker) { checker.on_commit(batch, committed_); });
}

Result<void> Journal::commit(const coordinator::Batch& batch) {
  const auto& rates = world_.scenario().rates;
  if (world_.fault(rates.commits_failed)) {
    world_.trace("journal: commit failed");
    return unavailable("cannot write the journal: disk is full");
  }
  if (world_.fault(rates.commits_torn)) {
    world_.trace("journal: torn by a crash");
    auto half = batch.mutations;
    half.resize(half.size() / 2);
    entries_.push_back({.mutations = std::move(half), .torn = true});
    crash_ = true;
    return unavailable("the process is dying");
  }
  write(batch);
  if (world_.fault(rates.commits_blind)) {
    world_.trace("journal: written, then a crash");
    crash_ = true;
    return unavailable("the process is dying");
  }
  return {};
}

Result<coordinator::State> Journal::recover() {
  if (!entries_.empty() && entries_.back().torn) entries_.pop_back();
  if (world_.bug() == Bug::kLoseTail && !entries_.empty()) entries_.pop_back();
  coordinator::State state;
  for (const auto& entry : entries_) {
    for (const auto& mutation : entry.mutations) coordinator::apply(state, mutation);
  }
  world_.tell([&](Checker& checker) { checker.on_recover(state); });
  return state;
}

}  // namespace dl::sim
