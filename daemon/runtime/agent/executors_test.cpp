// Executors with everything real but the coordinator: dl-agentd, dl-supervisor, dl-stand-in and a
// dl-worker that trains.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <regex>
#include <sstream>

#include "daemon/runtime/agent/testing/agent_node.h"
#include "daemon/runtime/supervise/cgroup.h"

namespace dl::runtime::agent {
namespace {

constexpr char kMlp[] = R"({name: test, model: {name: mlp, hidden: [32], dropout: 0.2, classes: 4},
  data: {format: synthetic, shape: [1, 8, 8], samples: 128},
  train: {epochs: 2, batch_size: 32, report_every_steps: 1, learning_rate: 0.05}})";
constexpr char kLenet[] = R"({name: test, model: {name: lenet, classes: 4},
  data: {format: synthetic, shape: [1, 28, 28], samples: 128},
  train: {epochs: 2, batch_size: 32, report_every_steps: 1, optimizer: adam,
          learning_rate: 0.01, precision: bfloat16}})";
constexpr char kTransformer[] = R"({name: test,
  model: {name: transformer, vocabulary: 16, context: 8, width: 16, heads: 2, layers: 1},
  data: {format: synthetic, samples: 64},
  train: {epochs: 1, batch_size: 32, report_every_steps: 1, threads: 2, deterministic: false}})";
// Never ends by itself.
constexpr char kEndless[] = R"({name: test, model: {name: mlp, hidden: [32], classes: 4},
  data: {format: synthetic, shape: [1, 8, 8], samples: 128},
  train: {epochs: 1000000, batch_size: 32, report_every_steps: 1, learning_rate: 0.0001},
  checkpoint: {every_epochs: 0}})";
// 1.6 GB of weights.
constexpr char kLarge[] = R"({name: test, model: {name: mlp, hidden: [20000, 20000], classes: 4},
  data: {format: synthetic, shape: [1, 8, 8], samples: 128}, train: {epochs: 1, batch_size: 32}})";
constexpr char kGang[] = R"({name: test, model: {name: mlp, hidden: [32], classes: 4},
  data: {format: synthetic, shape: [1, 8, 8], samples: 128}, strategy: {name: ring, workers: 2},
  train: {epochs: 2, batch_size: 32, report_every_steps: 1, learning_rate: 0.05}})";
constexpr char kFails[] = R"({name: test, model: {name: mlp, hidden: [32], classes: 4},
  data: {format: idx, path: /nowhere/at/all}, train: {epochs: 1, batch_size: 32}})";

TaskId trial(std::uint32_t number, std::uint64_t job = 1) {
  return {.attempt = {.job = JobId{job}, .trial = number, .attempt = 1},
          .role = Role::kWorker,
          .index = 0};
}

struct Node : AgentNode {
  explicit Node(const std::string& limits = "none") : AgentNode(DL_BINARY_DIR, {}, limits) {
    coordinator.acknowledge_reports();
  }

  StartTask order(const TaskId& task, const std::string& spec, bool warm = true,
                  std::vector<Member> gang = {
                      {.node = "node-0", .host = "127.0.0.1", .port = 29999}}) {
    StartTask order;
    order.context.task = task;
    order.context.job_name = "test";
    order.context.cluster.members = std::move(gang);
    order.context.cluster.run_id = to_string(task.attempt.trial_id());
    order.context.spec = spec;
    order.context.artifact_dir = dir / ("artifacts/" + to_string(task.attempt.trial_id()));
    order.slots.cpus = 1;
    order.builtin = true;
    order.warm = warm;
    order.env = task_environment(order.context.cluster, task);
    order.grace = 10s;
    return order;
  }
  void start(const TaskId& task, const std::string& spec, bool warm = true) {
    coordinator.start(order(task, spec, warm));
  }
  TaskExit run(const TaskId& task, const std::string& spec, bool warm = true) {
    coordinator.clear();
    start(task, spec, warm);
    return exit_of(task);
  }
  // Trains, in an executor, and will not stop.
  void start_endless(const TaskId& task) {
    start(task, kEndless);
    INFO(log(task));
    REQUIRE(logged(task, "epoch 2/"));
  }

  std::vector<fs::path> executors() const {
    std::vector<fs::path> alive;
    for (const auto& entry : fs::directory_iterator(dir / "state/executors")) {
      const auto record = supervise::read_pid_record(entry.path());
      if (record && supervise::is_alive(*record)) alive.push_back(entry.path());
    }
    std::sort(alive.begin(), alive.end());
    return alive;
  }
  pid_t only_executor() const {
    REQUIRE(becomes_true([&] { return executors().size() == 1; }));
    return supervise::read_pid_record(executors()[0])->task;
  }
};

// What a task has printed of its training, without its name and its times.
std::string training_in(const std::string& log) {
  std::string kept;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find("loss") == std::string::npos && line.find("done:") == std::string::npos) continue;
    kept += std::regex_replace(line, std::regex("[0-9]+ samples/s"), "") + "\n";
  }
  return kept;
}

std::uint16_t free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(socket, reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(socket);
  return ::ntohs(address.sin_port);
}

std::uint64_t resident_bytes(pid_t pid) {
  std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  statm >> size >> resident;
  return resident * static_cast<std::uint64_t>(::getpagesize());
}

TEST_CASE("trials run in one executor, each to the bits of a process of its own", "[executors]") {
  Node node;
  const std::vector<std::string> specs{kMlp, kLenet, kTransformer, kMlp, kLenet};
  pid_t executor = 0;
  for (std::uint32_t i = 0; i < specs.size(); ++i) {
    INFO(specs[i]);
    CHECK(node.run(trial(1 + i), specs[i]).ok());
    if (i == 0) executor = node.only_executor();
    CHECK(node.only_executor() == executor);
    CHECK(node.run(trial(101 + i), specs[i], false).ok());
    const std::string warm = training_in(node.log(trial(1 + i)));
    CHECK(warm.find("model checksum") != std::string::npos);
    CHECK(warm == training_in(node.log(trial(101 + i))));
    CHECK(node.log(trial(1 + i)).find("process of its own") == std::string::npos);
  }
}

TEST_CASE("a trial that is stopped ends as such, and the next one runs in its executor",
          "[executors]") {
  Node node;
  node.start_endless(trial(1));
  const pid_t executor = node.only_executor();
  node.coordinator.stop(trial(1), 10'000);
  CHECK(node.exit_of(trial(1)).code == 128 + SIGTERM);
  CHECK(node.log(trial(1)).find("stopped") != std::string::npos);
  CHECK(node.run(trial(2), kMlp).ok());
  CHECK(node.only_executor() == executor);
}

TEST_CASE("an executor that dies: its trial ends by the same signal, the next has a new one",
          "[executors]") {
  Node node;
  const int number = GENERATE(SIGKILL, SIGSEGV);
  node.start_endless(trial(1));
  const pid_t executor = node.only_executor();
  ::kill(executor, number);
  const TaskExit exit = node.exit_of(trial(1));
  CHECK(exit.signal == number);
  CHECK(exit.message.find(number == SIGKILL ? "SIGKILL, which was sent from outside" : "SIGSEGV") !=
        std::string::npos);
  CHECK(node.run(trial(2), kMlp).ok());
  CHECK(node.only_executor() != executor);
}

TEST_CASE("a stand-in that is killed takes its trial along before its end is known",
          "[executors]") {
  Node node;
  node.start_endless(trial(1));
  const pid_t executor = node.only_executor();
  SECTION("from outside") {
    ::kill(static_cast<pid_t>(node.wait_for_state(trial(1), TaskState::kRunning).pid), SIGKILL);
  }
  SECTION("by its agent") { node.coordinator.stop(trial(1), 0); }
  SECTION("with its supervisor") {
    ::kill(*supervise::find_supervisor(node.folder(trial(1))), SIGKILL);
  }
  CHECK(node.exit_of(trial(1)).signal == SIGKILL);
  CHECK_FALSE(supervise::start_time_of(executor));
  CHECK(node.run(trial(2), kMlp).ok());
}

TEST_CASE("a trial that fails says why, and its executor goes with it", "[executors]") {
  Node node;
  const TaskExit warm = node.run(trial(1), kFails);
  CHECK(becomes_true([&] { return node.executors().empty(); }));
  const TaskExit cold = node.run(trial(2), kFails, false);
  CHECK(warm.code == 1);
  CHECK(warm.kind == FailureKind::kSpec);
  CHECK(warm == cold);
}

TEST_CASE("a trial that the kernel kills for its memory is out of memory, warm as cold",
          "[executors]") {
  if (supervise::Cgroups::detect("executors-test").version() ==
      supervise::Cgroups::Version::kNone) {
    WARN("not tried: no cgroups can be made here");
    return;
  }
  Node node("auto");
  TaskExit exits[2];
  for (const bool warm : {false, true}) {
    StartTask order = node.order(trial(1, warm ? 1 : 2), kLarge, warm);
    order.slots.memory_bytes = 512 << 20;
    node.coordinator.start(order);
    exits[warm ? 1 : 0] = node.exit_of(order.context.task);
  }
  CHECK(exits[1].kind == FailureKind::kOutOfMemory);
  CHECK(exits[1].message.find("at its limit of 512 MiB") != std::string::npos);
  CHECK(exits[1] == exits[0]);
}

TEST_CASE("a gang's ranks have an executor each, and come to the same bits", "[executors]") {
  Node node;
  const auto run = [&](std::uint32_t number, bool warm) {
    node.coordinator.clear();
    std::vector<TaskId> ranks{trial(number), trial(number)};
    ranks[1].index = 1;
    const std::vector<Member> gang{
        {.rank = 0, .node = "node-0", .host = "127.0.0.1", .port = free_port()},
        {.index = 1, .rank = 1, .node = "node-0", .host = "127.0.0.1", .port = free_port()}};
    for (const TaskId& rank : ranks) {
      StartTask order = node.order(rank, kGang, warm, gang);
      order.context.secret = "of this attempt";
      node.coordinator.start(order);
    }
    for (const TaskId& rank : ranks) CHECK(node.exit_of(rank).ok());
    return training_in(node.log(ranks[0]));
  };
  const std::string cold = run(1, false);
  CHECK(cold.find("model checksum") != std::string::npos);
  CHECK(run(2, true) == cold);
  const auto executors = node.executors();
  CHECK(executors.size() == 2);
  CHECK(run(3, true) == cold);
  CHECK(node.executors() == executors);
}

TEST_CASE("kill -9 of the agent: the trial goes on, and its executor takes the next one",
          "[executors]") {
  Node node;
  node.start_endless(trial(1));
  const pid_t executor = node.only_executor();
  node.restart(SIGKILL);
  CHECK(supervise::start_time_of(executor));
  node.coordinator.stop(trial(1), 10'000);
  CHECK(node.exit_of(trial(1)).code == 128 + SIGTERM);
  CHECK(node.run(trial(2), kMlp).ok());
  CHECK(node.only_executor() == executor);
}

TEST_CASE("an agent that starts ends the idle executors it finds", "[executors]") {
  Node node;
  CHECK(node.run(trial(1), kMlp).ok());
  const pid_t executor = node.only_executor();
  node.restart(SIGKILL);
  CHECK(becomes_true([&] { return !supervise::start_time_of(executor); }));
}

TEST_CASE("an idle executor goes before another job's task runs on its slots", "[executors]") {
  Node node;
  CHECK(node.run(trial(1), kMlp).ok());
  const pid_t executor = node.only_executor();
  StartTask other = node.order(trial(1, 2), "");
  other.builtin = other.warm = false;
  other.slots.cpus = 2;
  other.command = "kill -0 " + std::to_string(executor) + " || echo it has gone";
  node.coordinator.start(other);
  CHECK(node.exit_of(trial(1, 2)).ok());
  CHECK(node.log(trial(1, 2)).find("it has gone") != std::string::npos);
}

TEST_CASE("without its executor a trial runs in a process of its own", "[executors]") {
  Node node;
  CHECK(node.run(trial(1), kMlp).ok());
  // Stopped, it accepts nobody: as if it had died just when it was chosen.
  const pid_t executor = node.only_executor();
  ::kill(executor, SIGSTOP);
  node.coordinator.clear();
  node.start(trial(2), kMlp);
  node.wait_for_state(trial(2), TaskState::kRunning);
  ::kill(executor, SIGKILL);
  CHECK(node.exit_of(trial(2)).ok());
  CHECK(node.log(trial(2)).find("it runs in a process of its own") != std::string::npos);
}

TEST_CASE("50 trials leave an executor no larger than 10 do", "[executors]") {
  constexpr std::uint64_t kGrowthMax = 16 << 20;
  Node node;
  std::uint64_t after_ten = 0;
  for (std::uint32_t i = 1; i <= 50; ++i) {
    REQUIRE(node.run(trial(i), kMlp).ok());
    if (i == 10) after_ten = resident_bytes(node.only_executor());
  }
  const std::uint64_t after_fifty = resident_bytes(node.only_executor());
  WARN("resident after 10 trials: " << (after_ten >> 20)
                                    << " MiB, after 50: " << (after_fifty >> 20) << " MiB");
  CHECK(after_fifty < after_ten + kGrowthMax);
}

}  // namespace
}  // namespace dl::runtime::agent
