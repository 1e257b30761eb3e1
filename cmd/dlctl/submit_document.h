// A spec document on its way to become a job.

#pragma once

#include <string>
#include <vector>

#include "cmd/dlctl/invocation.h"

namespace dl::dlctl {

// Sends it as it is, with the settings of --set. Without an idempotency key one is made, so that a
// submit that is tried again is one job all the same.
Result<v1::SubmitJobResponse> submit_document(Invocation& run, const std::string& text,
                                              const std::vector<std::string>& set,
                                              const std::string& idempotency_key = "");

// "Submitted job 43 (fashion-mnist)"
std::string submitted_line(const v1::SubmitJobResponse& job);

// Prints that, and to stderr what one may do next; with -o json or yaml the response.
void announce_job(Invocation& run, const v1::SubmitJobResponse& job);

}  // namespace dl::dlctl
