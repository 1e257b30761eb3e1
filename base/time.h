// Time as the cores see it: a number they are given, never a clock they read.

#pragma once

#include <chrono>
#include <string>

namespace dl {

using Duration = std::chrono::microseconds;

// Microseconds since the Unix epoch, UTC.
using Timestamp = std::chrono::sys_time<Duration>;

// RFC 3339 with milliseconds: "2026-11-23T04:51:54.120Z".
std::string to_rfc3339(Timestamp time);

// "850ms", "12s", "5m", "3h20m", "2d4h": two units at most, for people.
std::string to_short_string(Duration duration);

}  // namespace dl
