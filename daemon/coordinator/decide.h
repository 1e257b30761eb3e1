// The coordinator's core: what an event means, given the state. Pure.
//
// The same code runs in production and in tests/sim; whoever holds a State, the events and their
// times can replay every decision. Loop calls, in each step: for each event decide() and
// follow_up(), then search() until no search has anything to say, then schedule() once; each is
// applied before the next is asked.

#pragma once

#include <optional>
#include <set>
#include <span>
#include <vector>

#include "daemon/coordinator/effect.h"
#include "daemon/coordinator/event.h"
#include "daemon/coordinator/mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// How long an Idempotency-Key is remembered, and when the old ones are swept out.
inline constexpr std::chrono::hours kSubmissionsKept{24};
inline constexpr std::chrono::hours kSubmissionsSwept{25};

struct Decision {
  std::vector<Mutation> mutations;  // Journaled, then applied, before any effect runs.
  std::vector<Effect> effects;
};

// What an event means by itself. Never fails: an event that is wrong, late or doubled has an empty
// decision or an error Reply.
Decision decide(const State& state, const Settings& settings, const Event& event, Timestamp now);

// What follows from mutations that have just been applied: a task's end stops its gang, the last
// one ends the attempt, the last attempt ends the job. Nothing follows from what this decides.
Decision follow_up(const State& state, const Settings& settings, std::span<const Mutation> applied,
                   Timestamp now);

// The jobs whose search `applied` may have given something to do.
std::set<JobId> searches_in(const State& state, std::span<const Mutation> applied);

// Asks the job's search once what comes next: one more trial, or its end. Empty when it waits, when
// it has as many trials as it may at once, or when an operator has paused it. What a suggestion
// costs is the searcher's (docs/search-algorithms.md), whatever else is queued.
Decision search(const State& state, const Settings& settings, JobId job, Timestamp now);

// Places the gangs whose turn it is. Empty, at no cost, when `applied` (all mutations since the
// last call) has changed nothing for the head of the queue.
Decision schedule(const State& state, const Settings& settings, std::span<const Mutation> applied,
                  Timestamp now);

// When a Tick is due next: a node to give up, a back-off to end. Absent when nothing waits for
// time.
std::optional<Timestamp> next_deadline(const State& state, const Settings& settings);

}  // namespace dl::coordinator
