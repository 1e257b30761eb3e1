#include "daemon/runtime/supervise/exit_report.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/protocol.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;

TaskExit failed_start(const ExitRecord& record, const ExitFacts& facts) {
  const std::string why = std::strerror(record.errnum);
  TaskExit exit{.code = 127, .signal = 0, .kind = FailureKind::kInfrastructure, .message = ""};
  if (record.failed_step == kStepWorkdir) {
    exit.kind = FailureKind::kSpec;
    exit.message = "its working directory " + facts.workdir + " cannot be entered: " + why +
                   "; create it on every node, or correct workdir";
  } else if (record.failed_step == kStepExec && record.errnum == E2BIG) {
    exit.kind = FailureKind::kSpec;
    exit.message = "its command and environment are too long for the kernel; put them into a file";
  } else if (record.failed_step == kStepExec) {
    exit.message = facts.program + " cannot be executed: " + why +
                   "; install it on this node, or name it with the agent's --worker";
  } else if (record.failed_step == kStepLog) {
    exit.message = "its log cannot be opened: " + why + "; make room in the agent's state folder";
  } else if (record.failed_step == kStepCgroup) {
    exit.message = "its cgroup cannot be joined: " + why +
                   "; start the agent with --cgroup none to run without limits";
  } else {
    exit.message = "no process could be made for it: " + why + "; raise the node's pids limit";
  }
  return exit;
}

std::string signal_words(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

std::string with_log_line(std::string message, const fs::path& folder) {
  const std::string line = last_log_line(folder);
  if (!line.empty()) message += "; the last line of its log: " + line;
  return message;
}

TaskExit ended_process(const ExitRecord& record, const ExitFacts& facts, const fs::path& folder) {
  TaskExit exit{.code = record.code, .signal = record.signal, .kind = std::nullopt, .message = ""};
  if (record.code == 0 && record.signal == 0) return exit;
  if (record.oom_kills > 0) {
    exit.kind = FailureKind::kOutOfMemory;
    exit.message = out_of_memory_message(facts);
  } else if (record.signal != 0) {
    exit.message = "was ended by " + signal_words(record.signal);
    if (!facts.killed_by_us) {
      if (record.signal == SIGKILL) {
        exit.kind = FailureKind::kInfrastructure;
        exit.message += ", which was sent from outside the cluster";
      }
      exit.message = with_log_line(std::move(exit.message), folder);
    }
  } else {
    exit.message = with_log_line("exited with status " + std::to_string(record.code), folder);
  }
  return exit;
}

TaskExit lost_supervisor(const fs::path& folder, const ExitFacts& facts) {
  TaskExit exit{.code = 0,
                .signal = SIGKILL,
                .kind = FailureKind::kInfrastructure,
                .message = "its supervisor was killed, and the task with it"};
  const auto pid = read_pid_record(folder);
  if (pid && pid->boot_id != boot_id()) {
    exit.kind = FailureKind::kNodeLost;
    exit.message = "its machine was restarted while it ran";
  } else if (facts.killed_by_us) {
    exit.kind = std::nullopt;
  }
  return exit;
}

}  // namespace

Result<void> write_failure(const fs::path& folder, const WorkerFailure& failure) {
  return write_file(folder / kFailureFile,
                    std::string(to_string(failure.kind)) + "\n" + failure.message);
}

std::optional<WorkerFailure> read_failure(const fs::path& folder) {
  const auto text = read_file(folder / kFailureFile);
  if (!text) return std::nullopt;
  const auto line_end = text->find('\n');
  const auto kind = failure_kind_from_string(std::string_view(*text).substr(0, line_end));
  if (!kind || line_end == std::string::npos) return std::nullopt;
  return WorkerFailure{.kind = *kind, .message = text->substr(line_end + 1)};
}

std::string out_of_memory_message(const ExitFacts& facts) {
  if (facts.memory_bytes == 0) {
    return "the kernel killed it because the node had no memory left; name resources.memory, so "
           "that it is placed where there is enough";
  }
  return "the kernel killed it at its limit of " + std::to_string(facts.memory_bytes >> 20) +
         " MiB of memory; raise resources.memory or lower the batch size";
}

TaskExit exit_of(const fs::path& folder, const ExitFacts& facts) {
  const auto record = read_exit_record(folder);
  if (!record) return lost_supervisor(folder, facts);
  if (!record->failed_step.empty()) return failed_start(*record, facts);
  TaskExit exit = ended_process(*record, facts, folder);
  if (exit.code == 0 && exit.signal == 0) return exit;
  if (exit.kind == FailureKind::kOutOfMemory) return exit;
  // The worker knows best why it failed, unless it was made to.
  if (const auto failure = read_failure(folder)) {
    exit.kind = failure->kind;
    exit.message = failure->message;
  }
  return exit;
}

TaskExit exit_of_failed_spawn(const Error& error) {
  const bool too_long = error.code == Code::kInvalidArgument;
  return {.code = 127,
          .signal = 0,
          .kind = too_long ? FailureKind::kSpec : FailureKind::kInfrastructure,
          .message = "could not be started: " + error.message};
}

}  // namespace dl::runtime::supervise
