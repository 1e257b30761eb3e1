// Placement decides which slots of which nodes a gang's tasks get.
//
// It is pure: the answer depends on the arguments alone, so the simulator can replay it and
// `dlctl explain` can ask "what if" without touching the cluster.

#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"
#include "model/job_spec.h"

namespace dl::scheduler {

// The tasks of one gang. They are placed all or none.
struct GangRequest {
  std::vector<RoleSpec> roles;  // Ordered by Role.
};

struct TaskPlacement {
  Role role = Role::kWorker;
  std::uint32_t index = 0;
  SlotSet slots;
};

// One entry per task, ordered by role, then index. Tasks of a role that share a node are
// contiguous, so that neighbours in a ring are neighbours here.
using Placement = std::vector<TaskPlacement>;

// Chooses slots for every task of `request`, or for none of them. Prefers the fewest nodes;
// breaks ties by the fullest node that fits, then by the lowest node id, so that equal snapshots
// give equal placements.
//
// A task takes one port of its node, and every node of the gang keeps one more free: whichever of
// them gets rank 0 has the master port too.
//
// The fewest nodes are exact for gangs whose tasks are all alike, and for mixed gangs as long as
// the search is small (kSearchMax); beyond that the best of a greedy choice is taken.
//
// Errors, with the one dominant reason in the message:
//   kUnavailable      the gang fits the cluster, but not what is free now.
//   kInvalidArgument  the gang would not fit even if every node were empty and ready.
Result<Placement> place_gang(const ClusterSnapshot& cluster, const GangRequest& request);

// Bound on nodes × partial gangs × ways to fill a node that one search may look at.
inline constexpr std::uint64_t kSearchMax = 2'000'000;

// Whether the gang would fit if every node of `cluster` were empty and ready; the error is that of
// place_gang.
Result<void> fits_empty(const ClusterSnapshot& cluster, const GangRequest& request);

}  // namespace dl::scheduler
