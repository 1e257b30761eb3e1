#include "daemon/coordinator/decide/blame.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <numeric>
#include <tuple>

#include "daemon/coordinator/decide/draft.h"

namespace dl::coordinator {
namespace {

std::string signal_name(int number) {
  struct Name {
    int number;
    const char* name;
  };
  static constexpr std::array kNames = {
      Name{SIGHUP, "SIGHUP"},   Name{SIGINT, "SIGINT"},   Name{SIGQUIT, "SIGQUIT"},
      Name{SIGILL, "SIGILL"},   Name{SIGTRAP, "SIGTRAP"}, Name{SIGABRT, "SIGABRT"},
      Name{SIGBUS, "SIGBUS"},   Name{SIGFPE, "SIGFPE"},   Name{SIGKILL, "SIGKILL"},
      Name{SIGSEGV, "SIGSEGV"}, Name{SIGPIPE, "SIGPIPE"}, Name{SIGTERM, "SIGTERM"},
      Name{SIGXCPU, "SIGXCPU"}, Name{SIGSYS, "SIGSYS"}};
  const auto* found =
      std::find_if(kNames.begin(), kNames.end(), [&](const Name& n) { return n.number == number; });
  return found == kNames.end() ? "signal " + std::to_string(number) : found->name;
}

// Without a word from the task or its agent: nobody in the cluster sends SIGKILL to a task that was
// not told to stop, so somebody outside did.
FailureKind kind_of(const TaskExit& exit) {
  if (exit.kind) return *exit.kind;
  return exit.signal == SIGKILL ? FailureKind::kInfrastructure : FailureKind::kUserCode;
}

std::string cause_of(const TaskExit& exit) {
  if (!exit.message.empty()) return exit.message;
  if (exit.signal != 0) return "was killed by " + signal_name(exit.signal);
  if (exit.kind == FailureKind::kOutOfMemory) return "ran out of memory";
  if (exit.code == 127) return "exited with status 127 (command not found)";
  return "exited with status " + std::to_string(exit.code);
}

std::string next_step(const TaskId& id, FailureKind kind) {
  const std::string logs = "see `dlctl logs " + to_string(id.attempt.job) + "/" +
                           std::string(to_string(id.role)) + ":" + std::to_string(id.index) + "`";
  if (kind == FailureKind::kNodeLost) return "see `dlctl nodes`";
  if (kind == FailureKind::kOutOfMemory)
    return "ask for more memory or take a smaller batch; " + logs;
  return logs;
}

// Ended by our own signals, or by a program that makes an exit status of them.
bool obeyed(const Task& task, const Attempt& attempt, std::chrono::milliseconds grace) {
  const TaskExit& exit = *task.exit;
  const bool was_told = attempt.state == AttemptState::kStopping && task.ended >= attempt.stopped;
  if (!was_told || exit.kind) return false;
  if (task.pid == 0) return true;  // It never ran.
  // Nobody here sends SIGKILL before the grace is over.
  if (exit.signal == SIGKILL) return task.ended >= attempt.stopped + Duration(grace);
  if (exit.signal != 0) return exit.signal == SIGTERM;
  return exit.code == 128 + SIGTERM || exit.code == 128 + SIGKILL;
}

}  // namespace

std::string task_of_job(const TaskId& id) {
  return std::string(to_string(id.role)) + ":" + std::to_string(id.index) + " of job " +
         to_string(id.attempt.job);
}

std::optional<Failure> failure_of(const TaskId& id, const Task& task) {
  if (!task.exit || task.exit->ok()) return std::nullopt;
  const FailureKind kind = kind_of(*task.exit);
  return Failure{
      .kind = kind,
      .task = short_name(task),
      .message = task_of_job(id) + " " + cause_of(*task.exit) + "; " + next_step(id, kind)};
}

std::optional<Failure> root_cause(const AttemptId& id, const Attempt& attempt,
                                  std::chrono::milliseconds grace) {
  const Task* first = nullptr;
  const auto order = [](const Task& task) {
    return std::tuple(kind_of(*task.exit) == FailureKind::kCommunication, task.ended, task.rank);
  };
  for (const auto& task : attempt.tasks) {
    if (!task.exit || task.exit->ok() || obeyed(task, attempt, grace)) continue;
    if (first == nullptr || order(task) < order(*first)) first = &task;
  }
  return first == nullptr ? std::nullopt : failure_of(id_of(id, *first), *first);
}

bool may_restart(const RestartSpec& restarts, const Trial& trial, FailureKind kind) {
  return trial.failures[static_cast<std::size_t>(kind)] < restarts.of(kind);
}

Duration back_off(const RestartSpec& restarts, const Trial& trial, std::uint64_t dice) {
  const auto failures =
      std::accumulate(trial.failures.begin(), trial.failures.end(), std::uint64_t{0});
  const Duration most = restarts.backoff_max;
  Duration wait = restarts.backoff;
  for (std::uint64_t i = 0; i < failures && wait < most; ++i) wait *= 2;
  wait = std::min(wait, most);
  const auto permille = static_cast<std::int64_t>(800 + dice % 401);
  return wait * permille / 1000;
}

}  // namespace dl::coordinator
