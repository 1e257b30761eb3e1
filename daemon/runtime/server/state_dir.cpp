#include "daemon/runtime/server/state_dir.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace dl::runtime::server {
namespace {

// The process number that the lock's holder wrote into it, or "another process".
std::string holder_of(int lock) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(lock, text.data(), text.size() - 1, 0);
  if (size <= 0) return "another process";
  return "process " + std::string(text.data(), static_cast<std::size_t>(size));
}

Result<void> write_holder(int lock, const std::filesystem::path& file) {
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock, 0) != 0 ||
      ::pwrite(lock, pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size())) {
    return errno_error("write " + file.string(), errno);
  }
  return {};
}

}  // namespace

Result<void> make_state_dir(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return errno_error("make " + path.parent_path().string(), error.value());
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("make " + path.string(), errno);
  }
  return {};
}

Result<StateDir> StateDir::open(std::filesystem::path path) {
  DL_CHECK(make_state_dir(path));
  const std::filesystem::path file = path / "lock";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return errno_error("open " + file.string(), errno);
  StateDir dir(std::move(path), lock);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return Error{Code::kFailedPrecondition,
                 dir.path().string() + " is in use by " + holder_of(lock) +
                     "; stop that coordinator first, or give this one a --state-dir of its own"};
  }
  DL_CHECK(write_holder(lock, file));
  return dir;
}

StateDir::StateDir(StateDir&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

StateDir::~StateDir() {
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace dl::runtime::server
