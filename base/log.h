// What the daemons say about themselves: one line an event, to stderr.
//
// Only the shells log; a core has effects instead. `log_init` once in main().

#pragma once

#include <spdlog/spdlog.h>

#include <string_view>

namespace dl {

enum class LogFormat { kText, kJson };

// `level`: trace, debug, info, warn or error; others count as info.
void log_init(std::string_view program, std::string_view level, LogFormat format);

}  // namespace dl
