// Keeping State::index. apply() and rebuild_index() are its only users.

#pragma once

#include "daemon/coordinator/state.h"

namespace dl::coordinator {

// Enters a queued trial where it waits, and one that runs among the active; takes it out again.
// Both do nothing for other trials.
void index_trial(Index& index, const TrialId& id, const Trial& trial);
void unindex_trial(Index& index, const TrialId& id, const Trial& trial);

// Enters a search whose time is limited, once it runs; takes it out again.
void index_search(Index& index, const Job& job);
void unindex_search(Index& index, const Job& job);

// Enters what a live task holds on its node; gives it back.
void index_task(Index& index, const TaskId& id, const Task& task);
void unindex_task(Index& index, const TaskId& id, const Task& task);

}  // namespace dl::coordinator
