// Resources is what one task of a job needs of its node.

#pragma once

#include <cstdint>

namespace dl {

// What one task needs. Its GPUs are all on one node: a task is one process.
struct Resources {
  std::uint32_t gpus = 0;
  std::uint32_t cpus = 1;          // CPU slots. With GPUs the default is 0.
  std::uint64_t memory_bytes = 0;  // 0: neither accounted nor limited.

  friend bool operator==(const Resources&, const Resources&) = default;
};

}  // namespace dl
