// Jobs as rows, and one job in full.

#pragma once

#include <string>

#include "base/time.h"
#include "cmd/dlctl/terminal/table.h"
#include "dl/v1/jobs.pb.h"

namespace dl::dlctl {

// JOB, NAME, STATE, …, one row a job, in the order given.
std::string render_jobs(const v1::ListJobsResponse& jobs, Timestamp now,
                        const TableOptions& options);

// What is known of it, then a table of its tasks.
std::string render_job(const v1::Job& job, Timestamp now, const TableOptions& options);

// How a job ended, its final metrics, where its things are, what to do next.
std::string render_outcome(const v1::Job& job, const Terminal& terminal);

}  // namespace dl::dlctl
