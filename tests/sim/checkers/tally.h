// Counts what a run has seen, so that a scenario in which nothing happens is noticed.

#pragma once

#include <algorithm>

#include "tests/sim/checkers/checker.h"

namespace dl::sim {

struct Tally {
  unsigned spawned = 0;
  unsigned restarts = 0;
  unsigned nodes_lost = 0;
  unsigned foreign = 0;  // Times that a node had tasks nobody owned.
  unsigned reports = 0;
  unsigned recoveries = 0;
  unsigned search_recoveries = 0;  // With a search that goes on.
  unsigned suggestions = 0;        // Trials created or resumed.
  unsigned judged = 0;
  std::map<JobState, unsigned> ended;
};

class TallyKeeper : public Checker {
 public:
  explicit TallyKeeper(Tally& tally) : Checker([](std::string) {}), tally_(tally) {}

  void on_spawn(const ProcessView&) override { ++tally_.spawned; }
  void on_recover(const coordinator::State& state) override {
    ++tally_.recoveries;
    tally_.search_recoveries +=
        std::any_of(state.jobs.begin(), state.jobs.end(),
                    [](const auto& entry) { return entry.second.search.has_value(); });
  }
  void on_commit(const coordinator::Batch& batch, const coordinator::State&) override {
    for (const auto& mutation : batch.mutations) count(mutation);
  }

 private:
  void count(const coordinator::Mutation& mutation) {
    using namespace coordinator;
    if (const auto* end = std::get_if<AttemptEnded>(&mutation)) {
      tally_.restarts += end->outcome == TrialState::kQueued;
    } else if (const auto* node = std::get_if<NodeStateChanged>(&mutation)) {
      tally_.nodes_lost += node->state == NodeState::kLost;
    } else if (const auto* connected = std::get_if<NodeConnected>(&mutation)) {
      tally_.foreign += !connected->foreign.empty();
    } else if (const auto* job = std::get_if<JobEnded>(&mutation)) {
      ++tally_.ended[job->state];
    } else if (std::holds_alternative<TrialReported>(mutation)) {
      ++tally_.reports;
    } else if (std::holds_alternative<TrialCreated>(mutation) ||
               std::holds_alternative<TrialResumed>(mutation)) {
      ++tally_.suggestions;
    } else if (std::holds_alternative<TrialJudged>(mutation)) {
      ++tally_.judged;
    }
  }

  Tally& tally_;
};

}  // namespace dl::sim
