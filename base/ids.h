// Numbers that must not be mixed up, each a type of its own.

#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>

namespace dl {

// A number with a name. `Tag` only keeps the types apart.
template <class Tag>
struct Id {
  std::uint64_t value = 0;

  friend auto operator<=>(const Id&, const Id&) = default;
};

template <class Tag>
std::string to_string(Id<Tag> id) {
  return std::to_string(id.value);
}

using JobId = Id<struct JobIdTag>;  // 42. Numbered from 1 in order of submission; never reused.

}  // namespace dl

template <class Tag>
struct std::hash<dl::Id<Tag>> {
  std::size_t operator()(const dl::Id<Tag>& id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
