// Starting a supervisor, and with it a task.

#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster_spec.h"

namespace dl::runtime::supervise {

// A descriptor that closes itself.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd();

  int get() const { return fd_; }
  int release();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct SpawnRequest {
  std::filesystem::path supervisor;  // The binary.
  std::filesystem::path folder;      // Exists.
  std::filesystem::path workdir;
  std::chrono::milliseconds grace{};
  std::vector<std::string> cgroups;  // To join.
  std::vector<std::string> command;  // Program and arguments; looked for in PATH.
  Environment env;                   // All of it; nothing is inherited.
};

struct Spawned {
  pid_t supervisor = 0;
  Fd pidfd;   // Readable when the supervisor has ended.
  Fd status;  // Gets "<pid>\n" when the task runs, and is closed either way.
};

// Starts the supervisor in a session of its own, by posix_spawn: its cost does not grow with the
// caller's memory. The caller reaps it.
//
// kInvalidArgument: command and environment are too long for the kernel.
Result<Spawned> spawn_supervisor(const SpawnRequest& request);

// A pidfd for a process that may not be our child.
Result<Fd> open_pidfd(pid_t pid);

}  // namespace dl::runtime::supervise
