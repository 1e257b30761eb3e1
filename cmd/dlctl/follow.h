// Following a job: its story as lines, its progress as one line at the bottom, until it has ended.

#pragma once

#include <string>

#include "cmd/dlctl/invocation.h"

namespace dl::dlctl {

// Shows what happened and what happens to job `id` (a number). On a terminal the progress is
// redrawn in place; in a pipe it is a line every few seconds. Ends with the outcome and its exit
// code; Ctrl-C detaches (kInterrupted), and the job goes on. A coordinator that is restarted in
// between is waited for. With -o json or yaml the story is on stderr and the job, as it ended, on
// stdout.
Result<ExitCode> follow_job(Invocation& run, const std::string& id);

}  // namespace dl::dlctl
