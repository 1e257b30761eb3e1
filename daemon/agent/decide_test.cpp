#include "daemon/agent/decide.h"

#include <catch2/catch.hpp>

#include "daemon/agent/testing/effects.h"

namespace dl::agent {
namespace {

using namespace std::chrono_literals;

TaskId worker(std::uint32_t attempt, std::uint32_t index = 0) {
  return {.attempt = {.job = JobId{42}, .trial = 1, .attempt = attempt},
          .role = Role::kWorker,
          .index = index};
}

StartTask order_of(const TaskId& task, std::vector<std::uint16_t> ports = {}) {
  StartTask order;
  order.context.task = task;
  order.ports = std::move(ports);
  order.grace = 10s;
  return order;
}

// An agent with a session and 20 ports, its clock at 100 s.
struct Agent {
  State state;
  Settings settings;
  Timestamp now{100s};

  Agent() {
    std::vector<std::uint16_t> ports;
    for (std::uint16_t port = 20000; port < 20020; ++port) ports.push_back(port);
    step(PortsHeld{ports});
    step(Connected{});
    step(Welcomed{7});
  }

  std::vector<Effect> step(const Event& event) { return decide(state, settings, event, now); }

  void run(const TaskId& task, std::vector<std::uint16_t> ports = {}) {
    step(StartOrdered{order_of(task, std::move(ports))});
    step(TaskSpawned{task, 4711});
  }
  TaskState state_of(const TaskId& task) const { return state.tasks.at(task).status.state; }
};

TEST_CASE("a task is started once, however often it is ordered", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  const auto first = agent.step(StartOrdered{order_of(task)});
  REQUIRE(only<SpawnTask>(first).size() == 1);
  CHECK(agent.state_of(task) == TaskState::kStarting);
  agent.step(TaskSpawned{task, 4711});

  const auto again = agent.step(StartOrdered{order_of(task)});
  CHECK(only<SpawnTask>(again).empty());
  REQUIRE(only<SendTaskChanged>(again).size() == 1);
  CHECK(only<SendTaskChanged>(again)[0].status.pid == 4711);
  CHECK(only<SendTaskChanged>(again)[0].session == 7);
  CHECK(agent.state_of(task) == TaskState::kRunning);
}

TEST_CASE("a stop is SIGTERM, then SIGKILL when the grace is over, then SIGKILL again", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  agent.run(task);
  auto signals = only<SignalTask>(agent.step(StopOrdered{task, 5s}));
  REQUIRE(signals.size() == 1);
  CHECK(signals[0].signal == SIGTERM);
  CHECK(agent.state_of(task) == TaskState::kStopping);

  agent.now += 4999ms;
  CHECK(only<SignalTask>(agent.step(Tick{})).empty());
  agent.now += 1ms;
  signals = only<SignalTask>(agent.step(Tick{}));
  REQUIRE(signals.size() == 1);
  CHECK(signals[0].signal == SIGKILL);

  agent.now += agent.settings.kill_again;
  CHECK(only<SignalTask>(agent.step(Tick{})).size() == 1);
  agent.step(TaskEnded{task, TaskExit{.signal = SIGKILL}});
  agent.now += agent.settings.kill_again;
  CHECK(only<SignalTask>(agent.step(Tick{})).empty());
}

TEST_CASE("a stop without grace kills at once", "[agent]") {
  Agent agent;
  agent.run(worker(1));
  const auto signals = only<SignalTask>(agent.step(StopOrdered{worker(1), 0ms}));
  REQUIRE(signals.size() == 1);
  CHECK(signals[0].signal == SIGKILL);
}

TEST_CASE("a second stop only brings the end nearer", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  agent.run(task);
  agent.step(StopOrdered{task, 5s});
  CHECK(only<SignalTask>(agent.step(StopOrdered{task, 60s})).empty());
  CHECK(agent.state.tasks.at(task).kill_at == agent.now + 5s);
  CHECK(only<SignalTask>(agent.step(StopOrdered{task, 1s})).empty());
  CHECK(agent.state.tasks.at(task).kill_at == agent.now + 1s);
  CHECK(only<SignalTask>(agent.step(StopOrdered{task, 0ms})).at(0).signal == SIGKILL);
  CHECK(only<SignalTask>(agent.step(StopOrdered{task, 0ms})).empty());
}

TEST_CASE("a stop that overtakes the spawn is kept until there is a process", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  agent.step(StartOrdered{order_of(task)});
  CHECK(only<SignalTask>(agent.step(StopOrdered{task, 5s})).empty());
  const auto spawned = agent.step(TaskSpawned{task, 9});
  CHECK(only<SignalTask>(spawned).at(0).signal == SIGTERM);
  CHECK(agent.state_of(task) == TaskState::kStopping);

  agent.step(StartOrdered{order_of(worker(1, 1))});
  CHECK(agent.state.tasks.at(worker(1, 1)).status.exit);  // The attempt is fenced.
}

TEST_CASE("a stop fences its attempt and older ones, not newer ones", "[agent]") {
  Agent agent;
  const auto stopped = agent.step(StopOrdered{worker(2), 5s});
  REQUIRE(only<SendTaskChanged>(stopped).size() == 1);
  CHECK(only<SendTaskChanged>(stopped)[0].status.state == TaskState::kExited);

  for (const auto& late : {worker(2), worker(2, 1), worker(1)}) {
    const auto effects = agent.step(StartOrdered{order_of(late)});
    CHECK(only<SpawnTask>(effects).empty());
    REQUIRE(only<SendTaskChanged>(effects).size() == 1);
    CHECK(only<SendTaskChanged>(effects)[0].status.exit->signal == SIGKILL);
  }
  CHECK(only<SpawnTask>(agent.step(StartOrdered{order_of(worker(3))})).size() == 1);
}

TEST_CASE("a newer attempt fences the older ones", "[agent]") {
  Agent agent;
  agent.run(worker(3));
  CHECK(only<SpawnTask>(agent.step(StartOrdered{order_of(worker(2))})).empty());
  CHECK(only<SpawnTask>(agent.step(StartOrdered{order_of(worker(3, 1))})).size() == 1);
}

TEST_CASE("an exit is said in every heartbeat until it is forgotten", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  agent.run(task);
  const auto ended = agent.step(TaskEnded{task, TaskExit{.code = 3}});
  CHECK(only<SendTaskChanged>(ended).at(0).status.exit->code == 3);

  for (int i = 0; i < 3; ++i) {
    agent.now += agent.settings.heartbeat;
    const auto beats = only<SendHeartbeat>(agent.step(Tick{}));
    REQUIRE(beats.size() == 1);
    REQUIRE(beats[0].tasks.size() == 1);
    CHECK(beats[0].tasks[0].exit->code == 3);
  }
  CHECK(only<DropTask>(agent.step(ForgetOrdered{task})).size() == 1);
  CHECK(agent.state.tasks.empty());
  CHECK(only<DropTask>(agent.step(ForgetOrdered{task})).empty());
}

TEST_CASE("a live task is not forgotten, and a second end changes nothing", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  agent.run(task);
  CHECK(agent.step(ForgetOrdered{task}).empty());
  CHECK(agent.state_of(task) == TaskState::kRunning);
  agent.step(TaskEnded{task, TaskExit{.code = 1}});
  CHECK(agent.step(TaskEnded{task, TaskExit{.code = 2}}).empty());
  CHECK(agent.state.tasks.at(task).status.exit->code == 1);
}

TEST_CASE("a doubled order that comes after the end was forgotten starts nothing", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  agent.run(task);
  agent.step(TaskEnded{task, TaskExit{}});
  agent.step(ForgetOrdered{task});
  CHECK(only<SpawnTask>(agent.step(StartOrdered{order_of(task)})).empty());
  // The rest of the gang may still come: its order may have been lost the first time.
  CHECK(only<SpawnTask>(agent.step(StartOrdered{order_of(worker(1, 1))})).size() == 1);
}

TEST_CASE("a registration has all tasks, and so has the heartbeat after the welcome", "[agent]") {
  Agent agent;
  agent.run(worker(1));
  agent.run(worker(1, 1));
  agent.step(Disconnected{});
  CHECK(agent.state.session == 0);
  CHECK(agent.step(TaskEnded{worker(1), TaskExit{.code = 1}}).empty());

  const auto registration = only<SendRegistration>(agent.step(Connected{}));
  REQUIRE(registration.size() == 1);
  CHECK(registration[0].tasks.size() == 2);
  CHECK(registration[0].free_ports.size() == 20);
  CHECK(registration[0].tasks[0].exit->code == 1);
  const auto beat = only<SendHeartbeat>(agent.step(Welcomed{8}));
  REQUIRE(beat.size() == 1);
  CHECK(beat[0].session == 8);
  CHECK(beat[0].tasks.size() == 2);
  CHECK(agent.step(Welcomed{7}).empty());  // Of the connection before.
}

TEST_CASE("a registration that gets no welcome is repeated", "[agent]") {
  Agent agent;
  agent.step(Disconnected{});
  agent.step(Connected{});
  REQUIRE(next_deadline(agent.state) == agent.now + agent.settings.welcome_timeout);
  agent.now += agent.settings.welcome_timeout;
  CHECK(only<SendRegistration>(agent.step(Tick{})).size() == 1);
}

TEST_CASE("a restarted agent goes on with the tasks it finds", "[agent]") {
  Agent agent;
  const auto task = worker(1);
  TaskFound found;
  found.status = {.id = task, .state = TaskState::kRunning, .pid = 99, .exit = std::nullopt};
  found.ports = {20003};
  agent.step(found);
  CHECK_FALSE(agent.state.free_ports.contains(20003));
  CHECK(only<SpawnTask>(agent.step(StartOrdered{order_of(task, {20003})})).empty());
  CHECK(only<SignalTask>(agent.step(StopOrdered{task, 1s})).at(0).signal == SIGTERM);
}

TEST_CASE("a restarted agent brings a stop to its end", "[agent]") {
  Agent agent;
  TaskFound found;
  found.status = {.id = worker(1), .state = TaskState::kStopping, .pid = 99, .exit = std::nullopt};
  found.grace = 3s;
  agent.step(found);
  agent.now += 3s;
  CHECK(only<SignalTask>(agent.step(Tick{})).at(0).signal == SIGKILL);
}

TEST_CASE("a task's ports leave the pool and the pool is refilled", "[agent]") {
  Agent agent;
  auto effects = agent.step(StartOrdered{order_of(worker(1), {20000, 20001})});
  CHECK(only<HoldPorts>(effects).empty());  // 18 are enough.
  CHECK_FALSE(agent.state.free_ports.contains(20000));
  effects = agent.step(
      StartOrdered{order_of(worker(1, 1), {20002, 20003, 20004, 30000})});  // 30000: never held.
  CHECK(only<SpawnTask>(effects).size() == 1);
  REQUIRE(only<HoldPorts>(effects).size() == 1);
  CHECK(only<HoldPorts>(effects)[0].count == 2 * 16 - 15);

  std::vector<std::uint16_t> held{20000};  // A live task's: not to be offered.
  for (std::uint16_t port = 21000; port < 21032; ++port) held.push_back(port);
  const auto beats = only<SendHeartbeat>(agent.step(PortsHeld{held}));
  REQUIRE(beats.size() == 1);
  CHECK(beats[0].free_ports.size() == 32);
  CHECK_FALSE(agent.state.free_ports.contains(20000));
}

TEST_CASE("what is remembered of old tasks is bounded by age and by number", "[agent]") {
  Agent agent;
  agent.settings.memory_max = 10;
  for (std::uint64_t job = 1; job <= 100; ++job) {
    TaskId task = worker(1);
    task.attempt.job = JobId{job};
    agent.now += 1ms;
    agent.step(StopOrdered{task, 0ms});
    agent.step(ForgetOrdered{task});
  }
  agent.now += agent.settings.heartbeat;
  agent.step(Tick{});
  CHECK(agent.state.fence.size() == 10);
  CHECK(agent.state.fence.rbegin()->first.job == JobId{100});
  CHECK(agent.state.forgotten.size() == 10);

  agent.run(worker(5));
  agent.now += agent.settings.memory + 1s;
  agent.step(Tick{});
  CHECK(agent.state.forgotten.empty());
  REQUIRE(agent.state.fence.size() == 1);  // A trial with a task keeps its fence.
  CHECK(agent.state.fence.begin()->second.attempt == 4);
}

TEST_CASE("the next deadline is the nearest of heartbeat and kill", "[agent]") {
  Agent agent;
  CHECK(next_deadline(agent.state) == agent.now + agent.settings.heartbeat);
  agent.run(worker(1));
  agent.step(StopOrdered{worker(1), 500ms});
  CHECK(next_deadline(agent.state) == agent.now + 500ms);
  agent.step(TaskEnded{worker(1), TaskExit{}});
  agent.step(Disconnected{});
  CHECK_FALSE(next_deadline(agent.state));
}

}  // namespace
}  // namespace dl::agent
