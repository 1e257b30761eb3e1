#include "daemon/runtime/server/job_excerpt.h"

#include <boost/mp11.hpp>

#include "daemon/coordinator/derived.h"

namespace dl::runtime::server {
namespace {

using coordinator::Job;

constexpr std::size_t kOverShown = 5;

bool is_active(const coordinator::Trial& trial) {
  return trial.state == TrialState::kQueued || trial.state == TrialState::kRunning;
}

// Only those that ran to their end have left a model.
std::vector<std::uint32_t> best_of(const Job& job) {
  using Among = scheduler::Searcher::Among;
  const scheduler::Searcher& searcher = coordinator::searcher_of(job);
  if (is_terminal(job.state)) {
    if (auto ended = searcher.best(Among::kEnded); !ended.empty()) return ended;
  }
  return searcher.best(Among::kAll);
}

// All of it but the trials and the search.
Job without_trials(const Job& job) {
  Job copy;
  boost::mp11::mp_for_each<boost::describe::describe_members<Job, boost::describe::mod_public>>(
      [&](auto member) {
        using Pointer = std::remove_const_t<decltype(member.pointer)>;
        if constexpr (std::is_same_v<Pointer, decltype(&Job::trials)>) return;
        if constexpr (std::is_same_v<Pointer, decltype(&Job::search)>) return;
        copy.*member.pointer = job.*member.pointer;
      });
  return copy;
}

}  // namespace

std::optional<SearchCounts> count_trials(const Job& job) {
  if (!job.search || !job.document.parsed->search) return std::nullopt;
  SearchCounts counts;
  for (const auto& [number, trial] : job.trials) {
    ++counts.started;
    switch (trial.state) {
      case TrialState::kQueued:
      case TrialState::kRunning: ++counts.running; break;
      case TrialState::kPaused: ++counts.paused; break;
      case TrialState::kSucceeded:
      case TrialState::kStopped: ++counts.ended; break;
      case TrialState::kFailed: ++counts.failed; break;
      case TrialState::kCancelled: break;
    }
  }
  counts.best = best_of(job);
  return counts;
}

Job excerpt(const Job& job, Trials trials, std::uint32_t also) {
  if (!job.search || trials == Trials::kAll) return job;
  Job copy = without_trials(job);
  copy.search.emplace();
  copy.search->max_trials = job.search->max_trials;
  copy.search->max_parallel = job.search->max_parallel;
  copy.search->paused = job.search->paused;
  copy.search->paused_by = job.search->paused_by;
  copy.search->over = job.search->over;
  copy.search->failed = job.search->failed;
  std::size_t over = 0;
  for (auto entry = job.trials.rbegin(); entry != job.trials.rend(); ++entry) {
    const bool shown = is_active(entry->second) || entry->first == also || over++ < kOverShown;
    if (shown) copy.trials.insert(*entry);
  }
  return copy;
}

}  // namespace dl::runtime::server
