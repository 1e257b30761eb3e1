// What a search means beside the rest of its job.

#pragma once

#include "model/job_spec.h"
#include "model/spec/document.h"

namespace dl::spec::native {

// `job` has been read from `root`, which has a `search`. Fills in what follows from elsewhere: the
// type that a spec key gives a parameter, a grid's number of trials.
void check_search(const Node& root, JobSpec& job, Problems& problems);

}  // namespace dl::spec::native
