// The cluster's two lines of `dlctl status`, and its nodes as rows.

#pragma once

#include <string>

#include "base/time.h"
#include "cmd/dlctl/terminal/table.h"
#include "dl/v1/cluster.pb.h"

namespace dl::dlctl {

// "coordinator …" and "nodes …", with their line ends; a line more when nothing can be committed.
std::string render_cluster(const v1::Cluster& cluster, const v1::ListNodesResponse& nodes,
                           Timestamp now, const Terminal& terminal);

std::string render_nodes(const v1::ListNodesResponse& nodes, Timestamp now,
                         const TableOptions& options);

}  // namespace dl::dlctl
