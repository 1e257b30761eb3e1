// The mutations of searches: what a searcher answered and was told, what operators wanted of it.

#pragma once

#include <boost/describe.hpp>
#include <optional>
#include <string>

#include "daemon/coordinator/search_state.h"
#include "model/job.h"
#include "model/search_space.h"

namespace dl::coordinator {

// The search tries this next; the trial takes its place in the queue.
struct TrialCreated {
  TrialId trial;
  Timestamp at{};
  Assignment assignment;
  std::uint32_t from = 0;  // Begins with the newest checkpoint of this trial; 0: from nothing.
};

// A paused trial has earned more: it goes on from its checkpoint, in the queue.
struct TrialResumed {
  TrialId trial;
  Timestamp at{};
};

// Some of the objectives have come in for `resource`, others not yet. Replaces what was known.
struct ObjectivesIncomplete {
  TrialId trial;
  Incomplete incomplete;
};

// All objectives of a trial, which its search judges it by.
struct TrialMeasured {
  TrialId trial;
  Timestamp at{};
  Measured measured;
};

// The search has a trial paused or stopped. Its attempt ends with the tasks.
struct TrialJudged {
  TrialId trial;
  Timestamp at{};
  TrialVerdict verdict = TrialVerdict::kStop;
  std::string why;
};

// A trial is over that has no live attempt: its assignment makes no job that can run, or its search
// is over before its first start.
struct TrialEnded {
  TrialId trial;
  Timestamp at{};
  TrialState state = TrialState::kFailed;
  std::optional<Failure> failure;
  std::string why;
};

// An operator wants no more trials to start, or wants them again.
struct SearchPaused {
  JobId job;
  Timestamp at{};
  std::string user;
};
struct SearchResumed {
  JobId job;
  Timestamp at{};
};

// What the limits are from now on.
struct SearchExtended {
  JobId job;
  Timestamp at{};
  std::uint32_t max_trials = 0;
  std::uint32_t max_parallel = 1;
};

// No more trials start.
struct SearchOver {
  JobId job;
  Timestamp at{};
  std::string why;
  bool failed = false;
};

BOOST_DESCRIBE_STRUCT(TrialCreated, (), (trial, at, assignment, from))
BOOST_DESCRIBE_STRUCT(TrialResumed, (), (trial, at))
BOOST_DESCRIBE_STRUCT(ObjectivesIncomplete, (), (trial, incomplete))
BOOST_DESCRIBE_STRUCT(TrialMeasured, (), (trial, at, measured))
BOOST_DESCRIBE_STRUCT(TrialJudged, (), (trial, at, verdict, why))
BOOST_DESCRIBE_STRUCT(TrialEnded, (), (trial, at, state, failure, why))
BOOST_DESCRIBE_STRUCT(SearchPaused, (), (job, at, user))
BOOST_DESCRIBE_STRUCT(SearchResumed, (), (job, at))
BOOST_DESCRIBE_STRUCT(SearchExtended, (), (job, at, max_trials, max_parallel))
BOOST_DESCRIBE_STRUCT(SearchOver, (), (job, at, why, failed))

}  // namespace dl::coordinator
