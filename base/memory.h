// What this process does with memory that it has freed.

#pragma once

#include <cstddef>

namespace dl {

// What one step has freed, the next one allocates: up to so many bytes stay with the process. By
// itself malloc gives large blocks, and the top of the heap, back to the kernel, which has to clear
// their pages again. Call it before other threads start.
void keep_freed_memory(std::size_t bytes);

}  // namespace dl
