// One number of a daemon's /metrics.

#pragma once

#include <cstdint>
#include <string>

namespace dl::bench {

// The value of the metric `name`, without labels, served at "host:port". Throws when there is none.
std::uint64_t metric(const std::string& address, const std::string& token, const std::string& name);

}  // namespace dl::bench
