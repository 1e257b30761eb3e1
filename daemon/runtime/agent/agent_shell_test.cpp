// The real dl-agentd and dl-supervisor, with a coordinator that speaks the real wire.

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/runtime/agent/testing/agent_node.h"
#include "daemon/runtime/supervise/process.h"

namespace dl::runtime::agent {
namespace {

struct Node : AgentNode {
  explicit Node(std::vector<std::string> more_flags = {})
      : AgentNode(DL_BINARY_DIR, std::move(more_flags)) {}
};

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
