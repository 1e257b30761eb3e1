// Assertions state what must hold. They stay on in release builds: a process
// that has lost an invariant stops before it writes something wrong.

#pragma once

#include <string_view>

namespace dl {

// Prints the message with its place to stderr and aborts.
[[noreturn]] void assertion_failed(const char* condition, std::string_view message,
                                   const char* file, int line);

}  // namespace dl

// DL_ASSERT(x > 0, "x counts ranks"): the second argument says why it holds.
#define DL_ASSERT(condition, message)                                    \
  do {                                                                   \
    if (!(condition)) [[unlikely]] {                                     \
      ::dl::assertion_failed(#condition, (message), __FILE__, __LINE__); \
    }                                                                    \
  } while (false)
