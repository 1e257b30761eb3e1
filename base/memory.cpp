#include "base/memory.h"

#include <malloc.h>

#include <algorithm>
#include <limits>

namespace dl {

void keep_freed_memory(std::size_t bytes) {
  constexpr std::size_t kMost = std::numeric_limits<int>::max();
  const auto limit = static_cast<int>(std::min(bytes, kMost));
  ::mallopt(M_MMAP_THRESHOLD, limit);
  ::mallopt(M_TRIM_THRESHOLD, limit);
}

}  // namespace dl
