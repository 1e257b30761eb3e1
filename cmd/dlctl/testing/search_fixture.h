// Searches as the API tells them, for tests.

#pragma once

#include <cstdint>
#include <string>

#include "dl/v1/jobs.pb.h"
#include "dl/v1/search.pb.h"

namespace dl::dlctl {

struct SearchFixture {
  v1::Job job;
  v1::ListTrialsResponse listed;
  v1::ListMetricsResponse metrics;  // Of validation.accuracy.
};

// Job 42 varies learning rate, batch size, optimizer and, under sgd, momentum. Eight trials by
// asha: trial 5 is the best of the three that ended, three were stopped after one
// epoch, 7 failed and 8 runs. It began five minutes before `now_seconds`.
SearchFixture asha_search(std::int64_t now_seconds);

// Twelve ended trials with accuracy and latency; 3, 6, 9 and 12 are the front.
SearchFixture pareto_search(std::int64_t now_seconds);

}  // namespace dl::dlctl
