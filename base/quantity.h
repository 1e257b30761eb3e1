// Amounts as people write them: "1m30s", "64MiB".

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace dl {

// "500ms", "30s", "1m30s", "2h", "1.5d"; units us, ms, s, m, h, d. A number needs a unit, except 0.
Result<Duration> parse_duration(std::string_view text);

// "4096", "64KiB", "1.5GiB", "10MB"; units B, KiB, MiB, GiB, TiB and kB, KB, MB, GB, TB.
Result<std::uint64_t> parse_bytes(std::string_view text);

// A whole number, with nothing before or after it.
Result<std::int64_t> parse_integer(std::string_view text);

// The shortest text that parse_bytes reads back as the same number: "64MiB", "1000000B".
std::string to_bytes_string(std::uint64_t bytes);

}  // namespace dl
