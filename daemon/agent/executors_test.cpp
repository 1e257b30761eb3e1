#include "daemon/agent/executors.h"

#include <catch2/catch.hpp>

#include "daemon/agent/decide.h"
#include "daemon/agent/testing/effects.h"

namespace dl::agent {
namespace {

using namespace std::chrono_literals;

TaskId trial(std::uint32_t number, std::uint64_t job = 42) {
  return {.attempt = {.job = JobId{job}, .trial = number, .attempt = 1},
          .role = Role::kWorker,
          .index = 0};
}

StartTask warm(const TaskId& task, SlotSet slots = {"", {}, 1, 0}) {
  StartTask order;
  order.context.task = task;
  order.slots = std::move(slots);
  order.builtin = true;
  order.warm = true;
  order.env = {{"DL_TRIAL", std::to_string(task.attempt.trial)},
               {"DL_ARTIFACT_DIR", "/artifacts/" + to_string(task.attempt)},
               {"DL_RESUME_CHECKPOINT", "/checkpoints/" + to_string(task.attempt)},
               {"USER_SAYS", "so"}};
  order.grace = 10s;
  return order;
}

StartTask cold(const TaskId& task, SlotSet slots) {
  StartTask order = warm(task, std::move(slots));
  order.warm = false;
  return order;
}

// An agent of a node with two CPUs, 100 bytes and two GPUs.
struct Agent {
  State state;
  Settings settings;
  Timestamp now{100s};

  Agent() {
    state.resources = {.cpus = 2, .memory_bytes = 100, .gpus = {{.index = 0}, {.index = 1}}};
    step(Connected{});
    step(Welcomed{7});
  }
  std::vector<Effect> step(const Event& event) {
    now += 1s;
    return decide(state, settings, event, now);
  }
  std::vector<Effect> start(const StartTask& order) { return step(StartOrdered{order}); }
  // To its end; its executor is idle afterwards.
  void run(const StartTask& order) {
    start(order);
    step(TaskSpawned{order.context.task, 4711});
    step(TaskEnded{order.context.task, TaskExit{}});
  }
  ExecutorId only_executor() const {
    REQUIRE(state.executors.size() == 1);
    return state.executors.begin()->first;
  }
};

TEST_CASE("the first trial of a job starts an executor, and the next one runs in it", "[agent]") {
  Agent agent;
  const auto first = agent.start(warm(trial(1)));
  REQUIRE(only<StartExecutor>(first).size() == 1);
  const ExecutorId id = only<StartExecutor>(first)[0].executor;
  REQUIRE(only<SpawnTask>(first).size() == 1);
  CHECK(only<SpawnTask>(first)[0].executor == id);
  agent.step(TaskSpawned{trial(1), 4711});
  agent.step(TaskEnded{trial(1), TaskExit{}});

  const auto second = agent.start(warm(trial(2)));
  CHECK(only<StartExecutor>(second).empty());
  REQUIRE(only<SpawnTask>(second).size() == 1);
  CHECK(only<SpawnTask>(second)[0].executor == id);
}

TEST_CASE("trials at the same time have an executor each", "[agent]") {
  Agent agent;
  agent.start(warm(trial(1)));
  const auto second = agent.start(warm(trial(2)));
  CHECK(only<StartExecutor>(second).size() == 1);
  CHECK(agent.state.executors.size() == 2);
}

TEST_CASE("a task that is not warm has a process of its own", "[agent]") {
  Agent agent;
  const auto effects = agent.start(cold(trial(1), {"", {}, 1, 0}));
  REQUIRE(only<SpawnTask>(effects).size() == 1);
  CHECK_FALSE(only<SpawnTask>(effects)[0].executor);
  CHECK(agent.state.executors.empty());
}

TEST_CASE("an executor takes only tasks of its job, its slots and its user's variables",
          "[agent]") {
  Agent agent;
  agent.run(warm(trial(1)));
  const Executors& executors = agent.state.executors;
  CHECK(idle_executor(executors, key_of(warm(trial(2)))));
  CHECK_FALSE(idle_executor(executors, key_of(warm(trial(2, 43)))));
  CHECK_FALSE(idle_executor(executors, key_of(warm(trial(2), {"", {}, 2, 0}))));
  CHECK_FALSE(idle_executor(executors, key_of(warm(trial(2), {"", {1}, 1, 0}))));
  StartTask other = warm(trial(2));
  other.env["USER_SAYS"] = "otherwise";
  CHECK_FALSE(idle_executor(executors, key_of(other)));
}

TEST_CASE("an executor that has died takes no more tasks", "[agent]") {
  Agent agent;
  agent.run(warm(trial(1)));
  agent.step(ExecutorEnded{agent.only_executor()});
  CHECK(only<StartExecutor>(agent.start(warm(trial(2)))).size() == 1);
}

TEST_CASE("a task that gets an idle executor's GPU waits until the executor has gone", "[agent]") {
  Agent agent;
  agent.run(warm(trial(1), {"", {0}, 0, 0}));
  const ExecutorId id = agent.only_executor();

  const auto effects = agent.start(cold(trial(1, 43), {"", {0}, 0, 0}));
  REQUIRE(only<EndExecutor>(effects).size() == 1);
  CHECK(only<EndExecutor>(effects)[0].executor == id);
  CHECK(only<SpawnTask>(effects).empty());
  // Another GPU is no matter of it.
  CHECK(only<SpawnTask>(agent.start(warm(trial(2), {"", {1}, 0, 0}))).size() == 1);

  const auto spawned = only<SpawnTask>(agent.step(ExecutorEnded{id}));
  REQUIRE(spawned.size() == 1);
  CHECK(spawned[0].order.context.task == trial(1, 43));
  CHECK_FALSE(spawned[0].executor);
  CHECK(agent.state.held_back.empty());
}

TEST_CASE("a task that is stopped while it is held back never starts", "[agent]") {
  Agent agent;
  agent.run(warm(trial(1), {"", {0}, 0, 0}));
  const ExecutorId id = agent.only_executor();
  agent.start(cold(trial(1, 43), {"", {0}, 0, 0}));
  const auto stopped = only<SendTaskChanged>(agent.step(StopOrdered{trial(1, 43), 5s}));
  REQUIRE(stopped.size() == 1);
  CHECK(stopped[0].status.exit->message == "was stopped before it started");
  CHECK(only<SpawnTask>(agent.step(ExecutorEnded{id})).empty());
}

TEST_CASE("executors go when their memory or CPUs are needed, those that ran longest ago first",
          "[agent]") {
  Agent agent;
  agent.start(warm(trial(1), {"", {}, 1, 30}));
  const ExecutorId older = agent.only_executor();
  agent.start(warm(trial(2), {"", {}, 1, 30}));
  agent.step(TaskEnded{trial(1), TaskExit{}});
  agent.step(TaskEnded{trial(2), TaskExit{}});

  SECTION("a CPU") {
    const auto effects = agent.start(cold(trial(1, 43), {"", {}, 1, 0}));
    REQUIRE(only<EndExecutor>(effects).size() == 1);
    CHECK(only<EndExecutor>(effects)[0].executor == older);
  }
  SECTION("all memory") {
    const auto effects = agent.start(cold(trial(1, 43), {"", {}, 0, 80}));
    CHECK(only<EndExecutor>(effects).size() == 2);
  }
  SECTION("nothing of theirs") {
    const auto effects = agent.start(cold(trial(1, 43), {"", {0}, 0, 40}));
    CHECK(only<EndExecutor>(effects).empty());
    CHECK(only<SpawnTask>(effects).size() == 1);
  }
}

TEST_CASE("an executor that was found goes on with its task and is idle after it", "[agent]") {
  Agent agent;
  agent.step(TaskFound{.status = {.id = trial(3), .state = TaskState::kRunning, .pid = 4711},
                       .slots = {"", {}, 1, 0},
                       .ports = {},
                       .grace = 10s});
  agent.step(ExecutorFound{.executor = 5, .order = warm(trial(1)), .task = trial(3)});
  agent.step(TaskEnded{trial(3), TaskExit{}});
  const auto effects = agent.start(warm(trial(4)));
  REQUIRE(only<SpawnTask>(effects).size() == 1);
  CHECK(only<SpawnTask>(effects)[0].executor == 5);
}

}  // namespace
}  // namespace dl::agent
