// The token that clients, agents and browsers show: `authorization: Bearer <token>`.
//
// It is made at the coordinator's first start and kept in a file that only its owner may read.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace dl::runtime {

// The token in `file`; makes one of 32 random bytes, hexadecimal, when there is no such file. Two
// processes that make it at once end with the same token.
Result<std::string> read_or_make_token(const std::filesystem::path& file);

// Refuses a file that others than its owner may read or write, and one without a usable token.
Result<std::string> read_token(const std::filesystem::path& file);

// Takes as long for any two texts of the same length.
bool equal_in_constant_time(std::string_view a, std::string_view b);

// Whether `authorization`, the header's value, shows `token`. The error is kUnauthenticated and
// tells what to send. An empty `token` is shown by nobody.
Result<void> check_authorization(std::string_view authorization, std::string_view token);

}  // namespace dl::runtime
