// Waiting for jobs to end, over restarts of the coordinator.

#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "cmd/dlctl/invocation.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {

struct Ended {
  std::vector<v1::Job> jobs;  // As they were last seen, in the order asked for.
  bool interrupted = false;   // By Ctrl-C.

  bool all() const;
  // Of the first job that did not succeed; kTimedOut or kInterrupted while one still runs.
  ExitCode exit_code() const;
};

// Polls until all of the jobs have ended, `limit` is over or Ctrl-C is pressed. A coordinator that
// was seen once and then is away is waited for as long as kPatience, and that is said.
Result<Ended> wait_until_ended(Invocation& run, const std::vector<std::string>& jobs,
                               std::optional<Duration> limit);

// How long a coordinator that went away is waited for.
inline constexpr std::chrono::seconds kPatience{120};

// Whether an error may be gone after a restart of the coordinator.
bool is_passing(const Error& error);

}  // namespace dl::dlctl
