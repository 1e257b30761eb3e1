// From task.json to a run: what a worker has to have in its hands before it can train.

#pragma once

#include <atomic>

#include "model/job_spec.h"
#include "model/task_context.h"
#include "worker/train/data/dataset_cache.h"
#include "worker/train/strategy/groups.h"
#include "worker/train/train.h"
#include "worker/transport/mesh.h"

namespace dl::worker {

// The task and its spec, read and checked.
struct Assignment {
  TaskContext context;
  JobSpec spec;
  std::uint32_t rank = 0;
  Resources resources;  // Of this task.
};

// Reads the file that $DL_TASK names.
train::Outcome<Assignment> read_assignment();

// The links to all workers, and to the parameter servers where the strategy has some. `stop` ends
// the wait for them.
train::Outcome<std::unique_ptr<transport::Mesh>> connect_peers(const Assignment& assignment,
                                                               const std::atomic<bool>& stop);

// Who speaks with the servers, from the nodes that the workers are on.
train::Groups groups_of(const Assignment& assignment);

// Opens the data and finds the peers, both at once, for each takes a while. `stop` ends the wait
// for peers.
train::Outcome<train::TrainRequest> prepare(const Assignment& assignment,
                                            train::DatasetCache& datasets,
                                            const std::atomic<bool>& stop);

}  // namespace dl::worker
