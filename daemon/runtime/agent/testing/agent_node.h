// An agent for tests and benches: the real program as a process of its own, and its coordinator.

#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "daemon/runtime/agent/fake_coordinator.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/task_folder.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::agent {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

inline bool becomes_true(const std::function<bool()>& condition) {
  const auto end = Clock::now() + 20s;
  while (!condition()) {
    if (Clock::now() > end) return false;
    ::usleep(2000);
  }
  return true;
}

// Throws, so that a test fails and a bench ends.
inline void expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error("expected: " + what);
}

inline TaskId worker(std::uint64_t job, std::uint32_t index = 0) {
  return {.attempt = {.job = JobId{job}, .trial = 1, .attempt = 1},
          .role = Role::kWorker,
          .index = index};
}

struct AgentNode {
  test::TempDir dir;
  test::FakeCoordinator coordinator{std::string(64, 'a')};
  pid_t agent = 0;
  fs::path bin;
  std::vector<std::string> flags;
  std::string cgroup;

  // `programs` is the folder that the program is in; `limits` the agent's --cgroup.
  explicit AgentNode(fs::path programs, std::vector<std::string> more_flags = {},
                     std::string limits = "none")
      : bin(std::move(programs)), flags(std::move(more_flags)), cgroup(std::move(limits)) {
    std::ofstream(dir / "token") << std::string(64, 'a') << "\n";
    fs::permissions(dir / "token", fs::perms::owner_read | fs::perms::owner_write);
    launch();
    expect(registered(), "the agent registers");
  }
  ~AgentNode() {
    end(SIGKILL);
    for (const char* kind : {"state/tasks", "state/executors"}) {
      for (const auto& entry : fs::directory_iterator(dir / kind)) {
        if (const auto pid = supervise::find_supervisor(entry.path())) ::kill(*pid, SIGUSR1);
      }
    }
  }

  pid_t spawn_agent() {
    std::vector<std::string> words{"dl-agentd",
                                   "--coordinator",
                                   coordinator.address(),
                                   "--node",
                                   "node-0",
                                   "--state-dir",
                                   dir / "state",
                                   "--token-file",
                                   dir / "token",
                                   "--cpus",
                                   "2",
                                   "--gpus",
                                   "none",
                                   "--cgroup",
                                   cgroup,
                                   "--log-level",
                                   "error"};
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const std::string program = bin / "dl-agentd";
    // Not the test's own output: whoever reads that would wait for an agent that outlives a crash.
    const std::string output = dir / "agent.log";
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, output.c_str(),
                                       O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    const int failed =
        ::posix_spawn(&pid, program.c_str(), &files, nullptr, arguments.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    expect(failed == 0, "dl-agentd can be started");
    return pid;
  }
  void launch() { agent = spawn_agent(); }
  int end(int number) {
    int status = 0;
    if (agent == 0) return 0;
    ::kill(agent, number);
    ::waitpid(agent, &status, 0);
    agent = 0;
    return status;
  }
  // The first heartbeat comes right after the welcome.
  bool registered() {
    return coordinator.wait_for([](const auto& message) { return message.has_heartbeat(); });
  }
  void restart(int number) {
    end(number);
    coordinator.clear();
    launch();
    expect(registered(), "the agent registers");
  }

  fs::path folder(const TaskId& task) const {
    return dir / "state/tasks" / supervise::folder_name(task);
  }
  std::string log(const TaskId& task) const {
    const auto text = supervise::read_file(folder(task) / "log");
    return text ? *text : "";
  }
  bool logged(const TaskId& task, std::string_view text) const {
    return becomes_true([&] { return log(task).find(text) != std::string::npos; });
  }
  TaskStatus wait_for_state(const TaskId& task, TaskState state) {
    v1::FromAgent found;
    TaskStatus status;
    const auto matches = [&](const v1::TaskStatus& wired) {
      const auto one = wire::from_wire(wired);
      if (!one || one->id != task || one->state != state) return false;
      status = *one;
      return true;
    };
    const bool reached = coordinator.wait_for([&](const v1::FromAgent& message) {
      const auto& beat = message.heartbeat().tasks();
      return (message.has_task_change() && matches(message.task_change().status())) ||
             std::any_of(beat.begin(), beat.end(), matches);
    });
    expect(reached, to_string(task) + " is " + std::string(to_string(state)));
    return status;
  }
  TaskExit exit_of(const TaskId& task) { return *wait_for_state(task, TaskState::kExited).exit; }
};

}  // namespace dl::runtime::agent
