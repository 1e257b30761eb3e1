// Memory that is kept from one step to the next, so that only a call that is larger than all before
// it allocates.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace dl::worker::train {

// The first `size` elements of `memory`, which grows to hold them. What is in them is left over.
template <class T>
std::span<T> scratch(std::vector<T>& memory, std::size_t size) {
  if (memory.size() < size) memory.resize(size);
  return std::span(memory).first(size);
}

}  // namespace dl::worker::train
