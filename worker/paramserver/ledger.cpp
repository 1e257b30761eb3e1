#include "worker/paramserver/ledger.h"

#include <algorithm>
#include <string>

#include "base/assert.h"

namespace dl::worker::paramserver {

Ledger::Ledger(const Rules& rules, const std::vector<Past>& past)
    : rules_(rules), workers_(rules.workers) {
  DL_ASSERT(rules.workers > 0 && rules.elements > 0, "a table has workers and elements");
  DL_ASSERT(past.empty() || past.size() == workers_.size(), "every worker has a past, or none");
  for (std::size_t i = 0; i < past.size(); ++i) {
    workers_[i].clock = past[i].clock;
    workers_[i].applied = past[i].applied;
  }
}

Result<void> Ledger::push(Rank rank, Clock clock, bool pulls, std::vector<Action>& actions) {
  Worker& worker = workers_[rank];
  const bool busy = worker.pushing != 0 || worker.pulling || worker.finished;
  if (busy || clock == 0 || clock > worker.clock + 1) {
    return Error{Code::kFailedPrecondition,
                 "rank " + std::to_string(rank) + " pushes at clock " + std::to_string(clock) +
                     (busy ? " while it has another request under way, or has finished"
                           : " after clock " + std::to_string(worker.clock)) +
                     "; a worker pushes clock after clock, one at a time"};
  }
  worker.pushing = clock;
  worker.arrived = 0;
  if (pulls) {
    worker.pulling = true;
    worker.pulls_at = clock;
    worker.served = 0;
  }
  serve(actions);
  return {};
}

void Ledger::arrived(Rank rank, std::uint64_t end, std::vector<Action>& actions) {
  Worker& worker = workers_[rank];
  DL_ASSERT(worker.pushing != 0 && end >= worker.arrived && end <= rules_.elements,
            "elements arrive in order, within a push");
  worker.arrived = end;
  if (repeats(rank)) {
    if (end == rules_.elements) complete(rank, true, actions);
  } else if (rules_.consistency == Consistency::kSynchronous) {
    sum_arrived(actions);
  } else {
    apply_arrived(rank, actions);
  }
  serve(actions);
}

Result<void> Ledger::pull(Rank rank, Clock clock, std::vector<Action>& actions) {
  Worker& worker = workers_[rank];
  const bool busy = worker.pushing != 0 || worker.pulling || worker.finished;
  if (busy || clock > worker.clock) {
    return Error{Code::kFailedPrecondition,
                 "rank " + std::to_string(rank) + " pulls at clock " + std::to_string(clock) +
                     (busy ? " while it has another request under way, or has finished"
                           : ", which it has not pushed yet")};
  }
  worker.pulling = true;
  worker.pulls_at = clock;
  worker.served = 0;
  serve(actions);
  return {};
}

void Ledger::finish(Rank rank, std::vector<Action>& actions) {
  workers_[rank].finished = true;
  if (rules_.consistency == Consistency::kSynchronous) sum_arrived(actions);
  serve(actions);
}

bool Ledger::waits(Rank rank) const {
  const Worker& worker = workers_[rank];
  if (worker.pulling) return worker.served < rules_.elements;
  return worker.pushing != 0 && worker.arrived == rules_.elements;
}

std::optional<Rank> Ledger::slowest() const {
  std::optional<Rank> found;
  for (Rank rank = 0; rank < workers_.size(); ++rank) {
    const Worker& worker = workers_[rank];
    if (worker.finished) continue;
    const auto progress = [this](Rank r) {
      const Worker& w = workers_[r];
      return std::pair(w.clock, w.pushing > w.clock ? w.arrived : 0);
    };
    if (!found || progress(rank) < progress(*found)) found = rank;
  }
  return found;
}

bool Ledger::all_finished() const {
  return std::all_of(workers_.begin(), workers_.end(), [](const Worker& w) { return w.finished; });
}

// At most the clock that `worker` pulls at.
Clock Ledger::least_clock_beside(const Worker& worker) const {
  Clock least = worker.pulls_at;
  if (rules_.consistency == Consistency::kSynchronous) return least;  // All are, as it is served.
  for (const Worker& other : workers_) {
    if (&other != &worker && !other.finished) least = std::min(least, other.clock);
  }
  return least;
}

// A worker that pushes and pulls at once is at its new clock for others' sake only once the push is
// complete; for its own, it waits as if it were.
bool Ledger::gate_open(const Worker& worker) const {
  if (rules_.consistency != Consistency::kBoundedStaleness) return true;
  return least_clock_beside(worker) + rules_.staleness >= worker.pulls_at;
}

// How many elements, from the first, this puller may have by now.
std::uint64_t Ledger::servable(const Worker& worker) const {
  if (!gate_open(worker)) return 0;
  if (worker.pulls_at <= worker.clock) return rules_.elements;
  // Its own push is under way: it sees what that has made of the table so far.
  return rules_.consistency == Consistency::kSynchronous ? summed_ : worker.applied;
}

void Ledger::apply_arrived(Rank rank, std::vector<Action>& actions) {
  Worker& worker = workers_[rank];
  if (worker.arrived > worker.applied) {
    actions.push_back({.kind = ActionKind::kApply,
                       .worker = rank,
                       .first = worker.applied,
                       .end = worker.arrived,
                       .clock = worker.pushing});
    worker.applied = worker.arrived;
  }
  if (worker.arrived == rules_.elements) complete(rank, false, actions);
}

void Ledger::sum_arrived(std::vector<Action>& actions) {
  std::uint64_t least = rules_.elements;
  Clock clock = 0;
  for (const Worker& worker : workers_) {
    if (worker.finished) continue;
    least = std::min(least, worker.pushing > worker.clock ? worker.arrived : 0);
    clock = worker.pushing;
  }
  if (clock == 0) return;  // All have finished, or the last one pushes nothing.
  if (least > summed_) {
    actions.push_back({.kind = ActionKind::kSum, .first = summed_, .end = least, .clock = clock});
    summed_ = least;
  }
  if (least < rules_.elements) return;
  serve(actions);  // While their push is still under way.
  for (Rank rank = 0; rank < workers_.size(); ++rank) {
    if (!workers_[rank].finished) complete(rank, false, actions);
  }
  summed_ = 0;
}

void Ledger::complete(Rank rank, bool repeat, std::vector<Action>& actions) {
  Worker& worker = workers_[rank];
  if (!repeat) {
    worker.clock = worker.pushing;
    worker.applied = 0;
  }
  actions.push_back({.kind = ActionKind::kAcknowledge,
                     .worker = rank,
                     .clock = worker.pushing,
                     .repeat = repeat});
  worker.pushing = 0;
  worker.arrived = 0;
}

void Ledger::serve(std::vector<Action>& actions) {
  for (Rank rank = 0; rank < workers_.size(); ++rank) {
    Worker& worker = workers_[rank];
    if (!worker.pulling) continue;
    const std::uint64_t end = servable(worker);
    if (end > worker.served) {
      actions.push_back({.kind = ActionKind::kServe,
                         .worker = rank,
                         .first = worker.served,
                         .end = end,
                         .clock = worker.pulls_at,
                         .slowest = least_clock_beside(worker)});
      worker.served = end;
    }
    // It may ask again once it has all, and its push, if any, is acknowledged.
    if (worker.served == rules_.elements) worker.pulling = false;
  }
}

}  // namespace dl::worker::paramserver
