// Agents that come, go and come back: sessions, inventories, lost nodes.

#include <csignal>

#include "tests/support/coordinator_testbed.h"

namespace dl::coordinator {
namespace {

TaskStatus stopping(const TaskId& id) {
  return {.id = id, .state = TaskState::kStopping, .pid = 100 + id.index, .exit = {}};
}

TEST_CASE("an agent that connects is welcomed with a session of its own", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  REQUIRE(bed.all<WelcomeAgent>().size() == 1);
  CHECK(bed.all<WelcomeAgent>()[0].connection == bed.connection);
  const auto first = bed.all<WelcomeAgent>()[0].session;
  CHECK(bed.node("a").session == first);
  CHECK(bed.node("a").state == NodeState::kReady);
  bed.connect("b");
  CHECK(bed.all<WelcomeAgent>()[0].session > first);
  CHECK(bed.all<DropAgent>().empty());
}

TEST_CASE("an agent with a bad name is sent away", "[coordinator]") {
  Testbed bed;
  (void)bed.step(AgentConnected{.connection = 1, .node = "No_Node"});
  CHECK(bed.all<WelcomeAgent>().empty());
  CHECK(bed.all<DropAgent>().size() == 1);
  CHECK(bed.state().nodes.empty());
}

TEST_CASE("a newer connection takes over, and the older one's messages are ignored",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  const auto old = bed.node("a").session;
  bed.connect("a");
  REQUIRE(bed.all<DropAgent>().size() == 1);
  CHECK(bed.all<DropAgent>()[0].session == old);
  const State before = bed.state();
  (void)bed.step(AgentDisconnected{.node = "a", .session = old});
  (void)bed.step(AgentHeartbeat{.node = "a", .session = old, .free_ports = {}, .tasks = {}});
  (void)bed.step(TaskChanged{.node = "a", .session = old, .status = Testbed::running(worker(1))});
  CHECK(bed.effects.empty());
  CHECK((bed.state() == before));
}

TEST_CASE("a heartbeat that says what is known costs no commit", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.heartbeat("a", {Testbed::running(worker(1))});
  const int before = bed.journal.commits;
  for (int i = 0; i < 10; ++i) bed.heartbeat("a", {Testbed::running(worker(1))});
  CHECK(bed.journal.commits == before);
  CHECK(bed.effects.empty());
}

TEST_CASE("an order to start that was lost is repeated", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  const auto orders = bed.all<StartTask>();
  bed.heartbeat("a", {Testbed::running(worker(1, 0))});
  REQUIRE(bed.all<StartTask>().size() == 1);
  CHECK(bed.all<StartTask>()[0] == orders[1]);
}

TEST_CASE("an order to stop that was lost is repeated, one that is obeyed is not",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  (void)bed.cancel(1);
  bed.heartbeat("a", {Testbed::running(worker(1, 0)), stopping(worker(1, 1))});
  CHECK(bed.stopped() == std::vector{worker(1, 0)});
  bed.heartbeat("a", {});
  CHECK(bed.stopped() == std::vector{worker(1, 0), worker(1, 1)});
  CHECK(bed.is_live(1));  // Only the agent's word ends a task.
}

TEST_CASE("an order to kill is repeated to a task that is stopping gently", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  (void)bed.cancel(1, true);
  bed.heartbeat("a", {stopping(worker(1))});
  REQUIRE(bed.all<StopTask>().size() == 1);
  CHECK(bed.all<StopTask>()[0].grace == 0ms);
}

TEST_CASE("an exit is put on record once and forgotten as often as it is said", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.exits(worker(1));
  CHECK(bed.all<ForgetTask>().size() == 1);
  const int before = bed.journal.commits;
  bed.heartbeat("a", {Testbed::exited(worker(1))});
  CHECK(bed.all<ForgetTask>().size() == 1);
  CHECK(bed.journal.commits <= before + 1);  // The ports it holds again.
  CHECK(bed.journal.records.finished.size() == 1);
}

TEST_CASE("an agent that lags behind does not set a task back", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.runs(worker(1));
  bed.changed(worker(1), {.id = worker(1), .state = TaskState::kStarting, .pid = 0, .exit = {}});
  CHECK(bed.task(worker(1)).state == TaskState::kRunning);
  CHECK(bed.task(worker(1)).pid == 100);
}

TEST_CASE("a task that nobody owns is killed, and its node waits until it is gone",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a", 4, 0, {Testbed::running(worker(9))});
  REQUIRE(bed.all<StopTask>().size() == 1);
  CHECK(bed.all<StopTask>()[0].grace == 0ms);
  CHECK(bed.node("a").foreign == std::set{worker(9)});
  (void)bed.submit(workers(1));
  CHECK(bed.started().empty());
  bed.heartbeat("a", {stopping(worker(9))});
  CHECK(bed.stopped().size() == 1);
  bed.exits(worker(9), exit_signal(SIGKILL));
  CHECK(bed.node("a").foreign.empty());
  CHECK(bed.all<ForgetTask>().size() == 1);
  CHECK(bed.started() == std::vector{worker(1)});
}

TEST_CASE("within the lost time a node comes back to its tasks without a restart",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.disconnect("a");
  CHECK(bed.node("a").state == NodeState::kDisconnected);
  bed.tick(29s);
  CHECK(bed.attempt(1).state == AttemptState::kRunning);
  bed.connect("a", 4, 0, {Testbed::running(worker(1))});
  CHECK(bed.node("a").state == NodeState::kReady);
  CHECK(bed.stopped().empty());
  CHECK(bed.started().empty());
  CHECK(bed.trial(1).attempts == 1);
  bed.tick(60s);
  CHECK(bed.attempt(1).state == AttemptState::kRunning);
}

TEST_CASE("a task that ended while its agent was away is taken at its word", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.disconnect("a");
  bed.connect("a", 4, 0, {Testbed::exited(worker(1))});
  CHECK(bed.ended(1).state == JobState::kSucceeded);
}

TEST_CASE("a node that is away for too long is given up with its tasks", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 2);
  bed.connect("b", 2);
  (void)bed.submit(workers(4));
  bed.all_run(1);
  bed.disconnect("b");
  CHECK(bed.loop->next_deadline() == bed.now + 30s);
  bed.tick(30s);
  CHECK(bed.node("b").state == NodeState::kLost);
  CHECK(bed.stopped() == std::vector{worker(1, 0), worker(1, 1)});
  CHECK(bed.attempt(1).failure->kind == FailureKind::kNodeLost);
  CHECK(bed.attempt(1).failure->message ==
        "worker:2 of job 1 was lost with node b, whose agent is away for 30s; see `dlctl nodes`");
  bed.exits(worker(1, 0), exit_signal(SIGTERM));
  bed.exits(worker(1, 1), exit_signal(SIGTERM));
  CHECK(bed.trial(1).failures[static_cast<int>(FailureKind::kNodeLost)] == 1);
  bed.connect("c", 2);
  bed.tick(5s);
  CHECK(bed.trial(1).attempts == 2);
}

TEST_CASE("a lost node that comes back has its old tasks killed, not resumed", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.disconnect("a");
  bed.tick(30s);
  bed.connect("a", 4, 0, {Testbed::running(worker(1))});
  CHECK(bed.stopped() == std::vector{worker(1)});
  bed.tick(5s);
  CHECK(bed.started().empty());  // Attempt 2 waits for the old one's end.
  bed.exits(worker(1, 0, 1), exit_signal(SIGKILL));
  CHECK(bed.started() == std::vector{worker(1, 0, 2)});
}

TEST_CASE("a node's loss is the cause, though its peers spoke first", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 1);
  bed.connect("b", 1);
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.disconnect("b");
  bed.exits(worker(1, 0), exit_kind(FailureKind::kCommunication));
  bed.tick(30s);
  CHECK(bed.trial(1).last_failure->kind == FailureKind::kNodeLost);
}

TEST_CASE("a running task that a restarted machine does not know ends its attempt",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  bed.all_run(1);
  bed.disconnect("a");
  bed.connect("a", 4, 0, {});
  CHECK(bed.attempt(1).failure->kind == FailureKind::kNodeLost);
  CHECK(bed.attempt(1).failure->message ==
        "worker:0 of job 1 is gone from node a, which was probably restarted");
  CHECK(bed.state().index.use.at("a").cpus == 2);  // Until the agent answers the stop.
  bed.exits(worker(1, 0), exit_signal(SIGKILL));
  bed.exits(worker(1, 1), exit_signal(SIGKILL));
  CHECK(bed.trial(1).last_failure->kind == FailureKind::kNodeLost);
  CHECK(bed.trial(1).state == TrialState::kQueued);
}

TEST_CASE("a running task that a heartbeat leaves out is the cluster's fault", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.heartbeat("a", {});
  CHECK(bed.attempt(1).failure->kind == FailureKind::kInfrastructure);
  CHECK_FALSE(bed.stopped().empty());
}

TEST_CASE("a drained node keeps its tasks and gets no new ones", "[coordinator]") {
  Testbed bed;
  bed.connect("a", 2);
  (void)bed.submit(workers(1));
  CHECK(bed.drain("a").has_value());
  CHECK(bed.node("a").state == NodeState::kDraining);
  CHECK(bed.stopped().empty());
  (void)bed.submit(workers(1));
  CHECK(bed.job(2).state == JobState::kQueued);
  CHECK(bed.drain("a", false).has_value());
  CHECK(bed.started() == std::vector{worker(2)});
}

TEST_CASE("a drain outlives the agent's connection and the coordinator", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.drain("a");
  bed.disconnect("a");
  bed.restart();
  bed.connect("a");
  CHECK(bed.node("a").state == NodeState::kDraining);
  CHECK(bed.node("a").drain_reason == "repairs");
}

TEST_CASE("draining a node that is away takes effect when it is back", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  bed.disconnect("a");
  CHECK(bed.drain("a").has_value());
  CHECK(bed.node("a").state == NodeState::kDisconnected);
  bed.connect("a");
  CHECK(bed.node("a").state == NodeState::kDraining);
}

TEST_CASE("draining a node that is not there is an error", "[coordinator]") {
  Testbed bed;
  const auto result = bed.drain("x");
  REQUIRE(result.has_error());
  CHECK(result.error() == not_found("there is no node \"x\"; see `dlctl nodes`"));
}

TEST_CASE("after its own restart the coordinator gives agents their whole time again",
          "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(1));
  bed.all_run(1);
  bed.now += 600s;
  bed.restart();
  CHECK(bed.node("a").state == NodeState::kDisconnected);
  CHECK(bed.loop->next_deadline() == bed.now + 30s);
  bed.tick(29s);
  bed.connect("a", 4, 0, {Testbed::running(worker(1))});
  CHECK(bed.effects.size() == 1);  // The welcome: nothing starts, nothing stops.
  CHECK(bed.attempt(1).state == AttemptState::kRunning);
}

TEST_CASE("ports of live tasks are not offered again", "[coordinator]") {
  Testbed bed;
  bed.connect("a");
  (void)bed.submit(workers(2));
  const auto taken = bed.state().index.use.at("a").ports;
  CHECK(taken.size() == 3);
  bed.heartbeat("a", {Testbed::running(worker(1, 0)), Testbed::running(worker(1, 1))});
  for (const auto port : taken) CHECK_FALSE(bed.node("a").free_ports.contains(port));
}

}  // namespace
}  // namespace dl::coordinator
