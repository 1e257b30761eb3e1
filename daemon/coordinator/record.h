// What a mutation leaves in the history that users read: rows committed together with it, which
// no decision ever looks at. Pure.

#pragma once

#include <string>
#include <vector>

#include "daemon/coordinator/mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// One line of a job's story, as `dlctl submit --follow` and SSE show it.
struct JobEvent {
  JobId job;
  Timestamp at{};
  std::string type;     // "submitted", "placed", "running", "checkpoint", "restart", "ended", …
  std::string subject;  // "42", "42.1.2", "42.1.2/worker:0": whom it is about.
  std::string message;  // For people.

  friend bool operator==(const JobEvent&, const JobEvent&) = default;
};

struct MetricRow {
  TrialId trial;
  std::uint32_t attempt = 1;
  MetricPoint point;

  friend bool operator==(const MetricRow&, const MetricRow&) = default;
};

struct Records {
  std::vector<JobEvent> events;
  std::vector<MetricRow> metrics;
  std::vector<Job> finished;  // Jobs as they ended, to be kept in full.
};

// Appends the rows of one mutation. `before` is the state it is about to be applied to.
void record(Records& records, const State& before, const Mutation& mutation, Timestamp now);

}  // namespace dl::coordinator
