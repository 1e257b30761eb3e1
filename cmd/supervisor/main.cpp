// dl-supervisor: one beside every task. It starts the task's command, outlives the agent, passes
// signals on to the whole process tree, and writes down how the task ended once nothing of the
// tree is left.
//
// It links nothing but libc, statically: it has to start in less time than the task's own exec.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "cmd/supervisor/command.h"
#include "cmd/supervisor/record.h"
#include "cmd/supervisor/tree.h"
#include "daemon/runtime/supervise/protocol.h"

namespace dl::supervisor {
namespace {

namespace supervise = runtime::supervise;

long long now_ms() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000LL + time.tv_nsec / 1'000'000;
}

// Waits for a signal of `set`, at most until `deadline_ms` when that is not 0. 0: it has come.
int wait_signal(const sigset_t& set, long long deadline_ms) {
  if (deadline_ms == 0) return ::sigwaitinfo(&set, nullptr);
  long long left = deadline_ms - now_ms();
  if (left < 0) left = 0;
  const timespec timeout{left / 1000, left % 1000 * 1'000'000};
  const int number = ::sigtimedwait(&set, nullptr, &timeout);
  return number < 0 && errno == EAGAIN ? 0 : number;
}

// Watches over the tree until every process of it is gone. Returns the command's wait status.
int watch(pid_t command, long grace_ms, const sigset_t& set) {
  constexpr int kAgainMsMax = 1000;
  int again_ms = 10;  // Between two looks at a tree that is being killed; doubled each time.
  int status = 0;
  bool command_ended = false;
  bool terminated = false;  // SIGTERM has gone round: a second one may break off a good ending.
  bool killing = false;
  long long kill_at = 0;
  for (;;) {
    int reaped_status = 0;
    pid_t reaped = 0;
    while ((reaped = ::waitpid(-1, &reaped_status, WNOHANG)) > 0) {
      if (reaped != command) continue;
      status = reaped_status;
      command_ended = true;
    }
    if (reaped < 0 && errno == ECHILD) return status;
    if (command_ended && !killing && kill_at == 0) {
      // What the command has left behind would hold the task's slots for ever.
      if (!terminated) signal_tree(SIGTERM);
      terminated = true;
      kill_at = now_ms() + grace_ms;
    }
    if (kill_at != 0 && now_ms() >= kill_at) killing = true;
    if (killing) {
      kill_tree();
      kill_at = now_ms() + again_ms;
      again_ms = again_ms < kAgainMsMax ? 2 * again_ms : kAgainMsMax;
    }
    const int number = wait_signal(set, kill_at);
    if (number == SIGTERM && !killing) {
      signal_tree(SIGTERM);
      terminated = true;
    }
    if (number == supervise::kKillTreeSignal) killing = true;
  }
}

void tell_agent(pid_t command) {
  char text[16];
  const int size = std::snprintf(text, sizeof text, "%d\n", command);
  // The agent may be gone already; the pid file says the same.
  [[maybe_unused]] const ssize_t written =
      ::write(supervise::kStatusFd, text, static_cast<size_t>(size));
}

int run(Request& request) {
  if (::chdir(request.folder) != 0) {
    std::perror(request.folder);
    return 1;
  }
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t set;
  sigfillset(&set);
  ::sigprocmask(SIG_SETMASK, &set, nullptr);
  ::fcntl(supervise::kStatusFd, F_SETFD, FD_CLOEXEC);

  Outcome outcome;
  reserve_exit_file();  // Before the command can fill the disk.
  const pid_t command = start_command(request, outcome);
  if (command != 0) {
    write_pid_file(command);
    tell_agent(command);
    ::close(supervise::kStatusFd);
    if (request.cgroup_count > 0) move_tree(request.cgroup_fds, request.cgroup_count);
    const int status = watch(command, request.grace_ms, set);
    outcome.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    outcome.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    outcome.oom_kills = oom_kills(request);
  }
  remove_cgroups(request);
  // A full disk may have room a moment later; without the record the end would count as lost.
  constexpr int kTriesMax = 60;
  for (int tries = 0; !write_exit_file(outcome); ++tries) {
    if (tries == kTriesMax || errno == ENOENT) return 1;  // ENOENT: the folder itself is gone.
    ::sleep(1);
  }
  return 0;
}

}  // namespace
}  // namespace dl::supervisor

int main(int argc, char** argv) {
  dl::supervisor::Request request;
  if (!dl::supervisor::parse(argc, argv, request)) {
    static constexpr char kUsage[] =
        "usage: dl-supervisor FOLDER GRACE_MS WORKDIR [--cgroup DIR]... -- PROGRAM [ARGUMENT]...\n"
        "Started by dl-agentd beside every task; nothing to be run by hand.\n";
    std::fputs(kUsage, stderr);
    return 2;
  }
  ::close_range(dl::runtime::supervise::kStatusFd + 1, ~0U, 0);
  return dl::supervisor::run(request);
}
