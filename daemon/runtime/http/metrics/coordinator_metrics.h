// What /metrics says of the coordinator: the shell's counters, and the cluster as a whole.

#pragma once

#include <string>

#include "daemon/runtime/server/stats.h"
#include "dl/v1/cluster.pb.h"

namespace dl::runtime::http {

std::string metrics_of(const server::Stats& stats);
std::string metrics_of(const dl::v1::Cluster& cluster);

}  // namespace dl::runtime::http
