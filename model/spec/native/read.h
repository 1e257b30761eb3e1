// The native dialect: a document whose keys are those of keys.h.

#pragma once

#include "model/job_spec.h"
#include "model/spec/document.h"

namespace dl::spec::native {

// The job that `root` describes, with defaults for all that it leaves out. Where it is wrong,
// `problems` says so and the job is not to be used.
JobSpec read_job(const Node& root, Problems& problems);

// What fits together and what does not, over several keys. `job` has been read from `root`, and
// every value on its own is right.
void check_job(const Node& root, JobSpec& job, Problems& problems);

// The part of check_job that is about how workers agree. Fills in defaults that depend on others.
void check_strategy(const Node& root, JobSpec& job, Problems& problems);

// The entry at a dotted path, or null.
const Entry* find_entry(const Node& root, std::string_view path);

// Where to point for a dotted path: its key, else the innermost section that is there.
Mark place_of(const Node& root, std::string_view path);

}  // namespace dl::spec::native
