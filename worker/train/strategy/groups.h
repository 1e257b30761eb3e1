// Who speaks with the parameter servers: in ps every worker for itself, in hybrid the first rank of
// each group for all of its ranks.

#pragma once

#include <string>
#include <vector>

#include "model/strategy_spec.h"
#include "worker/transport/mesh.h"

namespace dl::worker::train {

using Groups = std::vector<std::vector<transport::Rank>>;

// `nodes` has the node of each worker, by rank. Groups and their members are in the order of ranks.
Groups groups_of(const StrategySpec& spec, const std::vector<std::string>& nodes);

// The ranks of a mesh of workers and servers that the servers know: each group's first, then the
// servers.
std::vector<transport::Rank> ranks_of_servers(const Groups& groups, std::uint32_t workers,
                                              std::uint32_t servers);

}  // namespace dl::worker::train
