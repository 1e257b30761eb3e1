#include "cmd/supervisor/command.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "daemon/runtime/supervise/protocol.h"

namespace dl::supervisor {
namespace {

namespace supervise = runtime::supervise;

struct Failure {
  int step = 0;  // Of kSteps.
  int errnum = 0;
};
constexpr const char* kSteps[] = {supervise::kStepFork, supervise::kStepWorkdir,
                                  supervise::kStepExec};

bool open_cgroups(Request& request, Outcome& outcome) {
  for (int i = 0; i < request.cgroup_count; ++i) {
    char path[1024];
    std::snprintf(path, sizeof path, "%s/cgroup.procs", request.cgroups[i]);
    request.cgroup_fds[i] = ::open(path, O_WRONLY | O_CLOEXEC);
    if (request.cgroup_fds[i] >= 0) continue;
    outcome.failed_step = supervise::kStepCgroup;
    outcome.errnum = errno;
    return false;
  }
  return true;
}

void restore_signals() {
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// In the child: becomes the command, or says through `failure_fd` why it cannot.
[[noreturn]] void become_command(const Request& request, pid_t supervisor, int failure_fd) {
  Failure failure{1, 0};
  // Should the supervisor be killed, at least the command itself goes with it at once.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(1);
  ::setpgid(0, 0);
  if (::chdir(request.workdir) == 0) {
    failure.step = 2;
    restore_signals();
    ::execvp(request.command[0], request.command);
  }
  failure.errnum = errno;
  [[maybe_unused]] const ssize_t written = ::write(failure_fd, &failure, sizeof failure);
  ::_exit(127);
}

bool open_output(Outcome& outcome) {
  const int log = ::open(supervise::kLogFile, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (log >= 0 && null >= 0 && ::dup2(null, 0) == 0 && ::dup2(log, 1) == 1 && ::dup2(log, 2) == 2) {
    return true;
  }
  outcome.failed_step = supervise::kStepLog;
  outcome.errnum = errno;
  return false;
}

unsigned long read_counter(const char* dir, const char* file) {
  char text[1024];
  std::snprintf(text, sizeof text, "%s/%s", dir, file);
  const int fd = ::open(text, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  text[got > 0 ? got : 0] = '\0';
  const char* line = std::strstr(text, "oom_kill ");
  return line != nullptr ? std::strtoul(line + std::strlen("oom_kill "), nullptr, 10) : 0;
}

}  // namespace

bool parse(int argc, char** argv, Request& request) {
  if (argc < 6) return false;
  request.folder = argv[1];
  request.grace_ms = std::strtol(argv[2], nullptr, 10);
  request.workdir = argv[3];
  int at = 4;
  while (at + 1 < argc && std::strcmp(argv[at], "--cgroup") == 0) {
    if (request.cgroup_count == kCgroupsMax) return false;
    request.cgroups[request.cgroup_count++] = argv[at + 1];
    at += 2;
  }
  if (at + 1 >= argc || std::strcmp(argv[at], "--") != 0) return false;
  request.command = argv + at + 1;
  return true;
}

pid_t start_command(Request& request, Outcome& outcome) {
  int pipe_fds[2];
  if (!open_output(outcome) || !open_cgroups(request, outcome)) return 0;
  const pid_t self = ::getpid();
  const pid_t child = ::pipe2(pipe_fds, O_CLOEXEC) == 0 ? ::fork() : -1;
  if (child < 0) {
    outcome.failed_step = supervise::kStepFork;
    outcome.errnum = errno;
    return 0;
  }
  if (child == 0) become_command(request, self, pipe_fds[1]);
  ::close(pipe_fds[1]);
  Failure failure;
  // The pipe closes by itself when the exec succeeds.
  ssize_t got = -1;
  do {
    got = ::read(pipe_fds[0], &failure, sizeof failure);
  } while (got < 0 && errno == EINTR);
  ::close(pipe_fds[0]);
  if (got != static_cast<ssize_t>(sizeof failure)) return child;
  ::waitpid(child, nullptr, 0);
  outcome.failed_step = kSteps[failure.step];
  outcome.errnum = failure.errnum;
  return 0;
}

unsigned long oom_kills(const Request& request) {
  unsigned long kills = 0;
  for (int i = 0; i < request.cgroup_count; ++i) {
    kills += read_counter(request.cgroups[i], "memory.events");       // v2
    kills += read_counter(request.cgroups[i], "memory.oom_control");  // v1
  }
  return kills;
}

void remove_cgroups(const Request& request) {
  for (int i = 0; i < request.cgroup_count; ++i) {
    ::rmdir(request.cgroups[i]);
    char parent[1024];
    std::snprintf(parent, sizeof parent, "%s", request.cgroups[i]);
    char* name = std::strrchr(parent, '/');
    if (name == nullptr || name == parent) continue;
    *name = '\0';
    ::rmdir(parent);
  }
}

}  // namespace dl::supervisor
