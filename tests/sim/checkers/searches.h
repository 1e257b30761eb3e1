// A search goes on after any crash as if there had been none: a searcher of the checker's own,
// which nobody kills, is told the same and has to answer the same. No search has more trials at
// once than it may, and no trial's number is given twice.

#pragma once

#include <memory>

#include "daemon/coordinator/derived.h"
#include "daemon/coordinator/lookup.h"
#include "tests/sim/checkers/checker.h"

namespace dl::sim {

class SearchesChecker : public Checker {
 public:
  using Checker::Checker;

  void on_commit(const coordinator::Batch& batch, const coordinator::State& after) override {
    for (const auto& mutation : batch.mutations) std::visit(Watch{*this}, mutation);
    for (const auto& [id, search] : searches_) {
      const auto active = coordinator::active_trials(after, id).size();
      if (active > search.max_parallel) {
        violation("job " + to_string(id) + " has " + std::to_string(active) +
                  " trials at once, more than " + std::to_string(search.max_parallel));
      }
    }
  }

 private:
  struct Search {
    std::unique_ptr<scheduler::Searcher> searcher;
    std::size_t max_parallel = 1;  // The most it ever was: what runs goes on.
    std::map<std::uint32_t, scheduler::Verdict> verdicts;
  };

  struct Watch {
    SearchesChecker& checker;

    void operator()(const coordinator::JobSubmitted& m) const {
      const JobSpec& spec = *m.document.parsed;
      if (!spec.search) return;
      checker.searches_[m.job] = {
          .searcher = std::make_unique<scheduler::Searcher>(coordinator::searcher_spec(spec)),
          .max_parallel = spec.search->max_parallel,
          .verdicts = {}};
    }
    void operator()(const coordinator::JobEnded& m) const { checker.searches_.erase(m.job); }
    void operator()(const coordinator::TrialCreated& m) const {
      auto& searcher = *checker.searches_.at(m.trial.job).searcher;
      checker.expect(m.trial, searcher.suggest(),
                     scheduler::StartTrial{.assignment = m.assignment, .from = m.from});
      if (m.trial.trial != searcher.trials().size() + 1) {
        checker.violation("trial " + to_string(m.trial) + " is not the next one");
      }
      searcher.started({.number = m.trial.trial, .assignment = m.assignment, .from = m.from});
    }
    void operator()(const coordinator::TrialResumed& m) const {
      auto& searcher = *checker.searches_.at(m.trial.job).searcher;
      checker.expect(m.trial, searcher.suggest(), scheduler::ResumeTrial{m.trial.trial});
      searcher.resumed({m.trial.trial});
    }
    void operator()(const coordinator::TrialMeasured& m) const {
      Search& search = checker.searches_.at(m.trial.job);
      search.verdicts[m.trial.trial] = search.searcher->reported(
          {m.trial.trial, {.resource = m.measured.resource, .values = m.measured.values}});
    }
    void operator()(const coordinator::TrialJudged& m) const {
      const auto& verdict = checker.searches_.at(m.trial.job).verdicts[m.trial.trial];
      const bool pauses = m.verdict == coordinator::TrialVerdict::kPause;
      const auto wanted =
          pauses ? scheduler::Verdict::Action::kPause : scheduler::Verdict::Action::kStop;
      if (verdict.action != wanted || verdict.why != m.why) {
        checker.violation("trial " + to_string(m.trial) + " is judged as nobody told: " + m.why);
      }
    }
    void operator()(const coordinator::AttemptEnded& m) const {
      if (checker.searches_.contains(m.attempt.job)) ended(m.attempt.trial_id(), m.outcome);
    }
    void operator()(const coordinator::TrialEnded& m) const { ended(m.trial, m.state); }
    void operator()(const coordinator::SearchExtended& m) const {
      Search& search = checker.searches_.at(m.job);
      search.max_parallel = std::max<std::size_t>(search.max_parallel, m.max_parallel);
      if (search.searcher->spec().max_trials != m.max_trials) {
        search.searcher->set_max_trials(m.max_trials);
      }
    }
    template <class Other>
    void operator()(const Other&) const {}

    void ended(const TrialId& trial, TrialState state) const {
      if (!is_terminal(state) || state == TrialState::kCancelled) return;
      checker.searches_.at(trial.job).searcher->ended({trial.trial, state != TrialState::kFailed});
    }
  };

  void expect(const TrialId& trial, const scheduler::Suggestion& expected,
              const scheduler::Suggestion& found) const {
    if (expected == found) return;
    violation("trial " + to_string(trial) + " is not what its search would have tried");
  }

  std::map<JobId, Search> searches_;
};

}  // namespace dl::sim
