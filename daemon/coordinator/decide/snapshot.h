// The nodes as placement wants to see them.

#pragma once

#include "daemon/coordinator/state.h"
#include "model/cluster.h"
#include "model/job_spec.h"

namespace dl::coordinator {

// All nodes that were not given up, with what is free on them. Ordered by id.
ClusterSnapshot known_nodes(const State& state);

// Whether one node that is known would hold all the tasks if it were empty: what most jobs are, and
// quicker than a snapshot.
bool fits_one_node(const State& state, const std::vector<RoleSpec>& roles);

}  // namespace dl::coordinator
