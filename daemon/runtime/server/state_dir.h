// The coordinator's state directory: made at the first start, owned by one process at a time.

#pragma once

#include <filesystem>

#include "base/result.h"

namespace dl::runtime::server {

// Makes the directory, 0700, with its parents, unless it is there.
Result<void> make_state_dir(const std::filesystem::path& path);

// Holds the directory's lock until it is destroyed, or the process ends in whatever way.
class StateDir {
 public:
  // Makes and locks the directory. kFailedPrecondition names the process that holds it.
  static Result<StateDir> open(std::filesystem::path path);

  StateDir(StateDir&& other) noexcept;
  StateDir& operator=(StateDir&&) = delete;
  ~StateDir();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database() const { return path_ / "coordinator.db"; }

 private:
  StateDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}

  std::filesystem::path path_;
  int lock_ = -1;  // The locked file's descriptor.
};

}  // namespace dl::runtime::server
