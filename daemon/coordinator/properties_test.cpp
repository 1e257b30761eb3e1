// Whatever comes, in whatever order: random events, with the invariants checked after each.

#include <csignal>
#include <random>

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

// Everything that must hold of a state, whatever led to it.
void check_state(const State& state) {
  State rebuilt = state;
  rebuild_index(rebuilt);
  REQUIRE(
      (rebuilt.index == state.index));  // It also asserts that no GPU and no port has two holders.
  for (const auto& [id, use] : state.index.use) {
    const Node& node = state.nodes.at(id);
    REQUIRE(use.cpus <= node.resources.cpus);
    for (const auto port : use.ports) REQUIRE_FALSE(node.free_ports.contains(port));
  }
  for (const auto& [id, job] : state.jobs) {
    const Trial& trial = job.trials.at(1);
    REQUIRE_FALSE(is_terminal(job.state));
    REQUIRE((trial.state == TrialState::kRunning) == (live_attempt(trial) != nullptr));
    if (const Attempt* attempt = live_attempt(trial)) {
      REQUIRE(attempt->tasks.size() == job.document.parsed->task_count());  // All or none.
      REQUIRE(attempt->number == trial.attempts);
    }
  }
  if (state.blocked) REQUIRE(state.index.queue.contains(*state.blocked));
}

// Makes events that are sometimes right, sometimes late, doubled or nonsense.
class Chaos {
 public:
  explicit Chaos(unsigned seed) : random_(seed) {}

  std::uint32_t pick(std::uint32_t count) { return static_cast<std::uint32_t>(random_() % count); }

  Event next(const State& state) {
    switch (pick(12)) {
      case 0: return submit();
      case 1: return CancelJob{.request = 1, .job = JobId{some_job(state)}, .kill = pick(2) == 0};
      case 2:
        return DrainNode{.request = 1, .node = some_node(), .drain = pick(2) == 0, .reason = {}};
      case 3: return connect(state);
      case 4: {
        const NodeId node = some_node();
        return AgentDisconnected{.node = node, .session = session_of(state, node)};
      }
      case 5:
      case 6: {
        const NodeId node = some_node();
        return AgentHeartbeat{.node = node,
                              .session = session_of(state, node),
                              .free_ports = ports(),
                              .tasks = inventory(state, node)};
      }
      case 7:
      case 8:
      case 9: {
        const NodeId node = some_node();
        return TaskChanged{
            .node = node, .session = session_of(state, node), .status = some_status(state)};
      }
      case 10: {
        const NodeId node = some_node();
        return TaskReport{.node = node,
                          .session = session_of(state, node),
                          .task = some_task(state),
                          .number = pick(4),
                          .progress = {},
                          .metrics = {},
                          .checkpoint = {}};
      }
      default: return Tick{};
    }
  }

 private:
  Event submit() {
    std::vector<RoleSpec> roles;
    if (pick(3) == 0) roles.push_back(role_spec(Role::kChief, 1));
    roles.push_back(role_spec(Role::kWorker, 1 + pick(4), pick(2), pick(3)));
    if (pick(3) == 0) roles.push_back(role_spec(Role::kPs, 1 + pick(2)));
    return SubmitJob{.request = 1,
                     .document = document(job_spec(std::move(roles))),
                     .idempotency_key = pick(4) == 0 ? "key" + std::to_string(pick(5)) : "",
                     .user = {}};
  }
  NodeId some_node() { return std::string(1, static_cast<char>('a' + pick(4))); }
  std::uint64_t some_job(const State& state) {
    return pick(static_cast<std::uint32_t>(state.next_job) + 1);
  }
  std::uint64_t session_of(const State& state, const NodeId& id) {
    const Node* node = find_node(state, id);
    return node == nullptr || pick(20) == 0 ? pick(5) : node->session;
  }
  std::vector<std::uint16_t> ports() {
    std::vector<std::uint16_t> all(pick(24));
    for (auto& port : all) port = static_cast<std::uint16_t>(20000 + pick(64));
    return all;
  }
  Event connect(const State& state) {
    const NodeId node = some_node();
    NodeResources resources{.cpus = 4, .memory_bytes = 0, .gpus = {}};
    for (std::uint32_t i = 0; i < 2; ++i) resources.gpus.push_back({.index = i, .uuid = "u"});
    return AgentConnected{.connection = 1,
                          .node = node,
                          .host = node,
                          .agent_version = {},
                          .resources = resources,
                          .free_ports = ports(),
                          .tasks = inventory(state, node)};
  }
  // Most of what the node should have, and now and then something else.
  std::vector<TaskStatus> inventory(const State& state, const NodeId& node) {
    std::vector<TaskStatus> tasks;
    if (const auto use = state.index.use.find(node); use != state.index.use.end()) {
      for (const auto& id : use->second.tasks) {
        if (pick(10) > 0) tasks.push_back(status_of(id));
      }
    }
    if (pick(10) == 0) tasks.push_back(some_status(state));
    return tasks;
  }
  TaskId some_task(const State& state) {
    std::vector<TaskId> all;
    for (const auto& [id, use] : state.index.use) {
      all.insert(all.end(), use.tasks.begin(), use.tasks.end());
    }
    if (all.empty() || pick(10) == 0) return worker(pick(9), pick(3), 1 + pick(3));
    return all[pick(static_cast<std::uint32_t>(all.size()))];
  }
  TaskStatus some_status(const State& state) { return status_of(some_task(state)); }
  TaskStatus status_of(const TaskId& id) {
    TaskStatus status{
        .id = id, .state = static_cast<TaskState>(pick(4)), .pid = 1 + pick(3), .exit = {}};
    if (status.state == TaskState::kExited) status.exit = some_exit();
    return status;
  }
  TaskExit some_exit() {
    switch (pick(6)) {
      case 0: return exit_code(static_cast<int>(pick(3)));
      case 1: return exit_signal(SIGKILL);
      case 2: return exit_signal(SIGTERM);
      case 3: return exit_kind(static_cast<FailureKind>(pick(kFailureKinds)));
      default: return {};
    }
  }

  std::mt19937 random_;
};

TEST_CASE("no sequence of events breaks the state, and the journal gives it again",
          "[properties]") {
  const unsigned first = Catch::rngSeed();
  for (unsigned round = 0; round < 50; ++round) {
    const unsigned seed = first + round;
    CAPTURE(seed);
    Chaos chaos(seed);
    testing::MemoryJournal journal;
    Loop loop(Settings{.artifact_root = "/a", .seed = seed}, State{}, journal,
              [](const Effect&) {});
    Timestamp now{1000s};
    for (int i = 0; i < 1000; ++i) {
      now += std::chrono::milliseconds(chaos.pick(2000));
      std::vector<Event> events;
      for (std::uint32_t n = 1 + chaos.pick(3); n > 0; --n)
        events.push_back(chaos.next(loop.state()));
      journal.failing = chaos.pick(50) == 0;
      (void)loop.step(events, now);
      if (i % 7 == 0) check_state(loop.state());
    }
    const auto recovered = journal.recover();
    REQUIRE(recovered.has_value());
    CHECK((*recovered == loop.state()));
    CHECK(loop.state().next_job > 20);
  }
}

TEST_CASE("the same events give the same journal", "[properties]") {
  const auto run = [](unsigned seed) {
    Chaos chaos(seed);
    testing::MemoryJournal journal;
    Loop loop(Settings{.artifact_root = "/a", .seed = 3}, State{}, journal, [](const Effect&) {});
    for (int i = 0; i < 500; ++i) {
      const std::vector<Event> events{chaos.next(loop.state())};
      (void)loop.step(events, Timestamp{std::chrono::seconds(i)});
    }
    return loop.state();
  };
  CHECK((run(5) == run(5)));
  CHECK_FALSE((run(5) == run(6)));
}

}  // namespace
}  // namespace dl::coordinator
