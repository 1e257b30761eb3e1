// What a user may have meant by a name that does not exist.

#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dl {

// Insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The one of `names` closest to `name`; empty when none is close enough to be worth a guess (more
// than a third of the letters differ, and more than two). Ties go to the first.
std::string nearest(std::string_view name, std::span<const std::string> names);

// " (did you mean \"lost_after\"?)", or empty.
std::string did_you_mean(std::string_view name, std::span<const std::string> names);

}  // namespace dl
