// What follows from a job's document and history, made once and kept with the job.

#pragma once

#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// The job that a trial runs: its job's own document, with a search the assignment put in. The error
// of one that cannot be made; only a search's assignment can be so.
const Result<JobSpec>& trial_spec(const Job& job, const Trial& trial);
// The same, for what does not start anything by it: where there is an error, the job's document.
const JobSpec& spec_of(const Job& job, const Trial& trial);

// The searcher of a job with a search, told all that is on record.
scheduler::Searcher& searcher_of(const Job& job);

// Puts a step on record and tells the searcher, if it was made: for apply() alone.
void tell_search(Job& job, SearchStep step);

// The search of the job as the searcher takes it: a whole trial's resource is filled in.
SearchSpec searcher_spec(const JobSpec& job);

}  // namespace dl::coordinator
