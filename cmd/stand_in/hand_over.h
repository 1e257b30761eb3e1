// What a stand-in and an executor say to each other over the socket in the executor's folder.
// Constants only: the stand-in links nothing but libc.
//
//   stand-in → executor   Launch with kDescriptors, then its environment: NAME=value, each ended
//                         by NUL
//   executor → stand-in   kAccepted, once it has all of it
//   stand-in → executor   kStop for each SIGTERM
//   executor → stand-in   Finished, when the task is done
//
// The socket closes early when either has died. Without kAccepted nothing has happened yet.

#pragma once

#include <cstdint>

namespace dl::stand_in {

inline constexpr char kSocket[] = "socket";

struct Launch {
  std::uint32_t magic = 0;
  std::uint32_t environment_bytes = 0;
};
inline constexpr std::uint32_t kMagic = 0x31455844;             // "DXE1"
inline constexpr std::uint32_t kEnvironmentBytesMax = 8 << 20;  // The kernel's own bound is lower.

// Standard output, standard error and the working directory, in this order.
inline constexpr int kDescriptors = 3;

inline constexpr char kAccepted = 'A';
inline constexpr char kStop = 'T';

struct Finished {
  char tag = 'X';
  unsigned char code = 0;
};

}  // namespace dl::stand_in
