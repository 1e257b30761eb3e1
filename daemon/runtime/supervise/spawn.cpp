#include "daemon/runtime/supervise/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/assert.h"
#include "daemon/runtime/supervise/protocol.h"

namespace dl::runtime::supervise {
namespace {

// The attributes and descriptors of a supervisor: own session, default signals, only kStatusFd.
class SpawnSettings {
 public:
  explicit SpawnSettings(int status_fd) {
    posix_spawnattr_init(&attributes_);
    posix_spawn_file_actions_init(&actions_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, status_fd, kStatusFd);
    posix_spawn_file_actions_addclosefrom_np(&actions_, kStatusFd + 1);
  }
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  const posix_spawnattr_t* attributes() const { return &attributes_; }
  const posix_spawn_file_actions_t* actions() const { return &actions_; }

 private:
  posix_spawnattr_t attributes_{};
  posix_spawn_file_actions_t actions_{};
};

std::vector<std::string> arguments_of(const SpawnRequest& request) {
  std::vector<std::string> arguments{request.supervisor.filename().string(),
                                     request.folder.string(), std::to_string(request.grace.count()),
                                     request.workdir.string()};
  for (const auto& cgroup : request.cgroups) {
    arguments.emplace_back("--cgroup");
    arguments.push_back(cgroup);
  }
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), request.command.begin(), request.command.end());
  return arguments;
}

std::vector<char*> pointers_to(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (auto& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

Error spawn_error(const SpawnRequest& request, std::size_t bytes, int errnum) {
  if (errnum == E2BIG) {
    return {Code::kInvalidArgument,
            "the command and its environment are too long for the kernel (" +
                std::to_string(bytes) + " bytes); put them into a file of the job"};
  }
  Error error = errno_error("start " + request.supervisor.string(), errnum);
  if (errnum == ENOENT || errnum == EACCES) {
    error.message += "; install dl-supervisor beside dl-agentd, or name it with --supervisor";
  }
  return error;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

int Fd::release() { return std::exchange(fd_, -1); }

Result<Fd> open_pidfd(pid_t pid) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) return errno_error("pidfd_open " + std::to_string(pid), errno);
  return fd;
}

Result<Spawned> spawn_supervisor(const SpawnRequest& request) {
  DL_ASSERT(!request.command.empty(), "a task has a program to run");
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return errno_error("pipe", errno);
  Spawned spawned{.supervisor = 0, .pidfd = {}, .status = Fd(ends[0])};
  const Fd theirs(ends[1]);

  auto arguments = arguments_of(request);
  std::vector<std::string> environment;
  for (const auto& [name, value] : request.env) environment.push_back(name + "=" + value);
  environment.push_back(std::string(kFolderVariable) + "=" + request.folder.string());
  std::size_t bytes = 0;
  for (const auto& text : arguments) bytes += text.size() + 1;
  for (const auto& text : environment) bytes += text.size() + 1;

  const SpawnSettings settings(theirs.get());
  const int errnum = ::posix_spawn(&spawned.supervisor, request.supervisor.c_str(),
                                   settings.actions(), settings.attributes(),
                                   pointers_to(arguments).data(), pointers_to(environment).data());
  if (errnum != 0) return spawn_error(request, bytes, errnum);
  DL_TRY(spawned.pidfd, open_pidfd(spawned.supervisor));
  return spawned;
}

}  // namespace dl::runtime::supervise
