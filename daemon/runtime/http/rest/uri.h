// Reads what stands in a request's target, each part decoded once.

#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace dl::runtime::http {

// "%2F" → "/". kInvalidArgument for a broken escape and for a zero byte.
Result<std::string> percent_decode(std::string_view text);

// "a=1&set=x%3D2&set=y" in order, with '+' for a blank. A name without '=' has an empty value.
using Query = std::vector<std::pair<std::string, std::string>>;
Result<Query> parse_query(std::string_view text);

// The offset of the first byte that is not UTF-8 (RFC 3629), or npos.
std::size_t find_invalid_utf8(std::string_view text);

}  // namespace dl::runtime::http
