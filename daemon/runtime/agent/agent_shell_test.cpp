// The real dl-agentd and dl-supervisor, with a coordinator that speaks the real wire.

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/runtime/agent/fake_coordinator.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/spawn.h"
#include "daemon/runtime/supervise/task_folder.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::agent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

bool becomes_true(const std::function<bool()>& condition) {
  const auto end = Clock::now() + 20s;
  while (!condition()) {
    if (Clock::now() > end) return false;
    ::usleep(2000);
  }
  return true;
}

TaskId worker(std::uint64_t job, std::uint32_t index = 0) {
  return {.attempt = {.job = JobId{job}, .trial = 1, .attempt = 1},
          .role = Role::kWorker,
          .index = index};
}

StartTask command(const TaskId& task, std::string text) {
  StartTask order;
  order.context.task = task;
  order.context.job_name = "test";
  order.context.spec = "{}";
  order.command = std::move(text);
  order.slots.cpus = 1;
  order.grace = 2s;
  return order;
}

std::size_t entries_of(const fs::path& folder) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
}

// An agent as a process of its own, and its coordinator.
struct Node {
  test::TempDir dir;
  test::FakeCoordinator coordinator{std::string(64, 'a')};
  pid_t agent = 0;
  std::vector<std::string> flags;

  explicit Node(std::vector<std::string> more_flags = {}) : flags(std::move(more_flags)) {
    std::ofstream(dir / "token") << std::string(64, 'a') << "\n";
    fs::permissions(dir / "token", fs::perms::owner_read | fs::perms::owner_write);
    launch();
    REQUIRE(registered());
  }
  ~Node() {
    end(SIGKILL);
    for (const auto& entry : fs::directory_iterator(dir / "state/tasks")) {
      if (const auto pid = supervise::find_supervisor(entry.path())) ::kill(*pid, SIGUSR1);
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
                                   "none",
                                   "--log-level",
                                   "error"};
    words.insert(words.end(), flags.begin(), flags.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    pid_t pid = 0;
    const std::string program = std::string(DL_BINARY_DIR) + "/dl-agentd";
    REQUIRE(::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments.data(), environ) == 0);
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
    REQUIRE(registered());
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
    REQUIRE(coordinator.wait_for([&](const v1::FromAgent& message) {
      const auto& beat = message.heartbeat().tasks();
      return (message.has_task_change() && matches(message.task_change().status())) ||
             std::any_of(beat.begin(), beat.end(), matches);
    }));
    return status;
  }
  TaskExit exit_of(const TaskId& task) { return *wait_for_state(task, TaskState::kExited).exit; }
};

TEST_CASE("a command runs, its exit is told until it is forgotten, and its log stays", "[agentd]") {
  Node node;
  const auto task = worker(1);
  node.coordinator.start(command(task, "echo to-out; echo $DL_TASK; pwd; exit 3"));
  const auto exit = node.exit_of(task);
  CHECK(exit.code == 3);
  CHECK(exit.message.find("exited with status 3") == 0);
  CHECK(node.log(task).find("to-out\n" + (node.folder(task) / "task.json").string()) == 0);
  const auto context =
      task_context_from_json(*supervise::read_file(node.folder(task) / "task.json"));
  REQUIRE(context.has_value());
  CHECK(context->control_socket == node.dir / "state/control.sock");

  node.coordinator.forget(task);
  REQUIRE(becomes_true([&] { return !fs::exists(node.folder(task) / "order"); }));
  CHECK(fs::exists(node.folder(task) / "log"));
  node.restart(SIGKILL);
  v1::FromAgent registration;
  REQUIRE(node.coordinator.wait_for([](const auto& one) { return one.has_registration(); },
                                    &registration));
  CHECK(registration.registration().tasks().empty());
  CHECK(registration.registration().free_ports_size() >= 16);
}

TEST_CASE("kill -9 of the agent: the task goes on, is found again, and no output is lost",
          "[agentd]") {
  Node node;
  const auto task = worker(2);
  node.coordinator.start(
      command(task,
              "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line $i; done; "
              "while [ ! -e go ]; do sleep 0.01; done; while [ $i -lt 6000 ]; do i=$((i+1)); "
              "echo line $i; done; exit 4"));
  const auto pid = node.wait_for_state(task, TaskState::kRunning).pid;
  node.restart(SIGKILL);
  CHECK(node.wait_for_state(task, TaskState::kRunning).pid == pid);
  std::ofstream(node.folder(task) / "work/go");
  CHECK(node.exit_of(task).code == 4);
  std::string expected;
  for (int i = 1; i <= 6000; ++i) expected += "line " + std::to_string(i) + "\n";
  CHECK(node.log(task) == expected);
}

TEST_CASE("a task that ends while there is no agent keeps its exit", "[agentd]") {
  Node node;
  const auto task = worker(3);
  node.coordinator.start(command(task, "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 5"));
  REQUIRE(node.logged(task, "up"));
  node.end(SIGTERM);
  std::ofstream(node.folder(task) / "work/go");
  REQUIRE(becomes_true([&] { return fs::exists(node.folder(task) / "exit"); }));
  node.coordinator.clear();
  node.launch();
  CHECK(node.exit_of(task).code == 5);
}

TEST_CASE("SIGTERM ends the agent at once and leaves its tasks running", "[agentd]") {
  Node node;
  const auto task = worker(4);
  node.coordinator.start(command(task, "sleep 1000"));
  const auto pid = static_cast<pid_t>(node.wait_for_state(task, TaskState::kRunning).pid);
  const int status = node.end(SIGTERM);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(supervise::start_time_of(pid));
}

TEST_CASE("a stop reaches a task that an earlier agent started, and is fenced", "[agentd]") {
  Node node;
  const auto task = worker(5);
  node.coordinator.start(
      command(task, "trap '' TERM; (setsid sleep 1000 &); echo up; while :; do sleep 0.1; done"));
  REQUIRE(node.logged(task, "up"));
  node.restart(SIGKILL);
  node.coordinator.stop(task, 100);
  const auto exit = node.exit_of(task);
  CHECK(exit.signal == SIGKILL);
  CHECK_FALSE(exit.kind);
  CHECK(supervise::find_strays(node.folder(task), 0).empty());
  node.coordinator.start(command(worker(5, 1), "echo never"));
  CHECK(node.exit_of(worker(5, 1)).signal == SIGKILL);
  CHECK_FALSE(fs::exists(node.folder(worker(5, 1))));
}

TEST_CASE("an agent that is killed within a grace time kills the task in its next life",
          "[agentd]") {
  Node node;
  const auto task = worker(13);
  auto order = command(task, "trap '' TERM; echo up; while :; do sleep 0.05; done");
  order.grace = 300ms;
  node.coordinator.start(order);
  REQUIRE(node.logged(task, "up"));
  node.coordinator.stop(task, 60'000);
  node.wait_for_state(task, TaskState::kStopping);
  REQUIRE(becomes_true([&] { return fs::exists(node.folder(task) / "stopped"); }));
  node.restart(SIGKILL);
  const auto exit = node.exit_of(task);
  CHECK(exit.signal == SIGKILL);
  CHECK_FALSE(exit.kind);
}

TEST_CASE("kill -9 of the supervisor: the whole tree goes and the cluster is to blame",
          "[agentd]") {
  Node node;
  const auto task = worker(6);
  node.coordinator.start(command(task, "(setsid sleep 1000 &); echo up; sleep 1000"));
  REQUIRE(node.logged(task, "up"));
  ::kill(*supervise::find_supervisor(node.folder(task)), SIGKILL);
  const auto exit = node.exit_of(task);
  CHECK(exit.kind == FailureKind::kInfrastructure);
  CHECK(supervise::find_strays(node.folder(task), 0).empty());
}

TEST_CASE("a start that fails says whose fault it is", "[agentd]") {
  Node node({"--worker", "/nowhere/dl-worker"});
  auto order = command(worker(7), "");
  order.builtin = true;
  node.coordinator.start(order);
  auto exit = node.exit_of(worker(7));
  CHECK(exit.kind == FailureKind::kInfrastructure);
  CHECK(exit.message.find("/nowhere/dl-worker cannot be executed: No such file") == 0);

  order = command(worker(8), "true");
  order.workdir = "/nowhere/at/all";
  node.coordinator.start(order);
  CHECK(node.exit_of(worker(8)).kind == FailureKind::kSpec);

  node.coordinator.start(command(worker(9), "no-such-program"));
  exit = node.exit_of(worker(9));
  CHECK(exit.code == 127);
  CHECK(exit.message.find("no-such-program: not found") != std::string::npos);
}

TEST_CASE("losing the coordinator stops nothing, and its return is noticed", "[agentd]") {
  Node node;
  const auto task = worker(10);
  node.coordinator.start(command(task, "echo up; while [ ! -e go ]; do sleep 0.01; done"));
  REQUIRE(node.logged(task, "up"));
  node.coordinator.down();
  std::ofstream(node.folder(task) / "work/go");
  REQUIRE(becomes_true([&] { return fs::exists(node.folder(task) / "exit"); }));
  node.coordinator.clear();
  node.coordinator.up();
  CHECK(node.exit_of(task).ok());
  CHECK(node.coordinator.session() == 2);
}

TEST_CASE("a second agent with the same state folder is refused", "[agentd]") {
  Node node;
  int status = 0;
  REQUIRE(::waitpid(node.spawn_agent(), &status, 0) > 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("a worker's reports and its last word go through its agent", "[agentd]") {
  Node node;
  const auto task = worker(11);
  node.coordinator.start(command(task, "echo up; while [ ! -e go ]; do sleep 0.01; done; exit 1"));
  REQUIRE(node.logged(task, "up"));

  const auto channel = grpc::CreateChannel("unix:" + (node.dir / "state/control.sock").string(),
                                           grpc::InsecureChannelCredentials());
  const auto stub = v1::TaskService::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->Report(&context);
  v1::TaskReport report;
  *report.mutable_task() = wire::to_wire(task);
  report.set_number(1);
  report.set_failure_kind("communication");
  report.set_failure_message("rank 1 went away");
  REQUIRE(stream->Write(report));
  REQUIRE(node.coordinator.wait_for([](const auto& message) {
    return message.has_report() && message.report().report().number() == 1;
  }));
  v1::ToAgent ack;
  *ack.mutable_reports_acknowledged()->mutable_task() = wire::to_wire(task);
  ack.mutable_reports_acknowledged()->set_number(1);
  node.coordinator.send(ack);
  v1::TaskAck answer;
  REQUIRE(stream->Read(&answer));
  CHECK(answer.number() == 1);
  stream->WritesDone();
  CHECK(stream->Finish().ok());

  std::ofstream(node.folder(task) / "work/go");
  const auto exit = node.exit_of(task);
  CHECK(exit.kind == FailureKind::kCommunication);
  CHECK(exit.message == "rank 1 went away");
}

TEST_CASE("a log is read over the wire", "[agentd]") {
  Node node;
  const auto task = worker(12);
  node.coordinator.start(command(task, "echo one; echo two"));
  node.exit_of(task);
  v1::ToAgent order;
  order.mutable_read_log()->set_request(77);
  *order.mutable_read_log()->mutable_task() = wire::to_wire(task);
  order.mutable_read_log()->set_follow(true);
  order.mutable_read_log()->set_tail_lines(1);
  node.coordinator.send(order);
  REQUIRE(node.coordinator.wait_for(
      [](const auto& message) { return message.has_log_data() && message.log_data().end(); }));
  std::string text;
  for (const auto& message : node.coordinator.messages()) text += message.log_data().data();
  CHECK(text == "two\n");
}

TEST_CASE("200 quick tasks leave no descriptors, no zombies and no processes", "[agentd]") {
  Node node;
  const auto fds = [&] { return entries_of("/proc/" + std::to_string(node.agent) + "/fd"); };
  node.coordinator.start(command(worker(20, 9999), "true"));
  node.exit_of(worker(20, 9999));
  node.coordinator.forget(worker(20, 9999));
  REQUIRE(becomes_true([&] { return !fs::exists(node.folder(worker(20, 9999)) / "order"); }));
  const auto before = fds();

  std::vector<double> milliseconds;
  for (std::uint32_t i = 0; i < 200; ++i) {
    const auto task = worker(20, i);
    node.coordinator.clear();
    const auto begin = Clock::now();
    node.coordinator.start(command(task, "exec true"));
    node.wait_for_state(task, TaskState::kRunning);
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    CHECK(node.exit_of(task).ok());
    node.coordinator.forget(task);
  }
  REQUIRE(becomes_true([&] { return !fs::exists(node.folder(worker(20, 199)) / "order"); }));
  CHECK(becomes_true([&] { return fds() <= before + 2; }));
  const auto children = supervise::read_file("/proc/" + std::to_string(node.agent) + "/task/" +
                                             std::to_string(node.agent) + "/children");
  if (children) CHECK(*children == "");
  std::sort(milliseconds.begin(), milliseconds.end());
  WARN("order to running, by the wire and back: median " << milliseconds[100] << " ms, p90 "
                                                         << milliseconds[180] << " ms");
}

}  // namespace
}  // namespace dl::runtime::agent
