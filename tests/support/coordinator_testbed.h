// A coordinator's core under test: a Loop on a journal in memory, a clock, and short words for
// what agents and users say to it.

#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "daemon/coordinator/lookup.h"
#include "daemon/coordinator/loop.h"
#include "tests/support/memory_journal.h"

namespace dl::coordinator {

using namespace std::chrono_literals;

inline RoleSpec role_spec(Role role, std::uint32_t count, std::uint32_t cpus = 1,
                          std::uint32_t gpus = 0) {
  return {.role = role, .count = count, .resources = {.gpus = gpus, .cpus = cpus}, .command = {}};
}

// A job that runs a command in `roles`, with short back-offs.
inline JobSpec job_spec(std::vector<RoleSpec> roles) {
  JobSpec spec;
  spec.name = "test";
  spec.command = "train";
  spec.roles = std::move(roles);
  return spec;
}
inline JobSpec workers(std::uint32_t count, std::uint32_t cpus = 1) {
  return job_spec({role_spec(Role::kWorker, count, cpus)});
}

inline SpecDocument document(JobSpec spec, std::string text = "name: test") {
  return {.text = std::move(text),
          .overrides = {},
          .parsed = std::make_shared<const JobSpec>(std::move(spec))};
}

inline TaskId worker(std::uint64_t job, std::uint32_t index = 0, std::uint32_t attempt = 1) {
  return {.attempt = {.job = JobId{job}, .trial = 1, .attempt = attempt},
          .role = Role::kWorker,
          .index = index};
}
inline TaskId task_of(Role role, std::uint64_t job, std::uint32_t index = 0) {
  auto id = worker(job, index);
  id.role = role;
  return id;
}

inline TaskExit exit_code(int code) {
  return {.code = code, .signal = 0, .kind = {}, .message = {}};
}
inline TaskExit exit_signal(int signal) {
  return {.code = 0, .signal = signal, .kind = {}, .message = {}};
}
inline TaskExit exit_kind(FailureKind kind, std::string message = {}) {
  return {.code = 1, .signal = 0, .kind = kind, .message = std::move(message)};
}

class Testbed {
 public:
  Testbed() : Testbed(Settings{.artifact_root = "/artifacts", .seed = 7}) {}
  explicit Testbed(Settings with) : settings(std::move(with)), loop(make_loop(State{})) {
    (void)step(Tick{});
  }

  // --- events. Each is a step of its own; `effects` are those of the last one ------------------

  Result<void> step(std::vector<Event> events) {
    effects.clear();
    auto result = loop->step(events, now);
    check_invariants();
    return result;
  }
  Result<void> step(Event event) { return step(std::vector<Event>{std::move(event)}); }

  void tick(Duration after) {
    now += after;
    (void)step(Tick{});
  }

  Result<JobId> submit(JobSpec spec, std::string key = {}, std::string text = "name: test") {
    (void)step(SubmitJob{.request = ++request,
                         .document = document(std::move(spec), std::move(text)),
                         .idempotency_key = std::move(key),
                         .user = "ada"});
    return answer();
  }
  Result<JobId> cancel(std::uint64_t job, bool kill = false) {
    (void)step(CancelJob{.request = ++request, .job = JobId{job}, .kill = kill});
    return answer();
  }
  Result<JobId> drain(NodeId node, bool drain_it = true) {
    (void)step(DrainNode{
        .request = ++request, .node = std::move(node), .drain = drain_it, .reason = "repairs"});
    return answer();
  }

  void connect(const NodeId& node, std::uint32_t cpus = 4, std::uint32_t gpus = 0,
               std::vector<TaskStatus> tasks = {}) {
    NodeResources resources{.cpus = cpus, .memory_bytes = 1u << 30, .gpus = {}};
    for (std::uint32_t i = 0; i < gpus; ++i) {
      resources.gpus.push_back(
          {.index = i, .uuid = "GPU-" + node + std::to_string(i), .name = "T", .memory_bytes = 1});
    }
    (void)step(AgentConnected{.connection = ++connection,
                              .node = node,
                              .host = node + ".local",
                              .agent_version = "1",
                              .resources = resources,
                              .free_ports = ports(),
                              .tasks = std::move(tasks)});
  }
  void disconnect(const NodeId& node) {
    (void)step(AgentDisconnected{.node = node, .session = session(node)});
  }
  void heartbeat(const NodeId& node, std::vector<TaskStatus> tasks) {
    (void)step(AgentHeartbeat{
        .node = node, .session = session(node), .free_ports = ports(), .tasks = std::move(tasks)});
  }
  void changed(const TaskId& id, TaskStatus status) {
    const NodeId node = on(id);
    (void)step(TaskChanged{.node = node, .session = session(node), .status = std::move(status)});
  }
  void runs(const TaskId& id) { changed(id, running(id)); }
  void exits(const TaskId& id, TaskExit exit = {}) { changed(id, exited(id, std::move(exit))); }
  // All tasks of the job's live attempt are seen running.
  void all_run(std::uint64_t job_id) {
    const auto& trial = job(job_id).trials.at(1);
    const AttemptId attempt{JobId{job_id}, 1, trial.attempts};
    const auto tasks = trial.attempt->tasks;
    for (const auto& task : tasks) runs(id_of(attempt, task));
  }

  // A coordinator that dies and comes back with what its journal holds.
  void restart() {
    auto recovered = journal.recover();
    REQUIRE(recovered.has_value());
    CHECK((*recovered == loop->state()));
    loop = make_loop(*std::move(recovered));
    (void)step(Tick{});
  }

  // --- what there is ---------------------------------------------------------------------------

  static TaskStatus running(const TaskId& id) {
    return {.id = id, .state = TaskState::kRunning, .pid = 100 + id.index, .exit = {}};
  }
  static TaskStatus exited(const TaskId& id, TaskExit exit = {}) {
    return {.id = id, .state = TaskState::kExited, .pid = 100 + id.index, .exit = std::move(exit)};
  }

  const State& state() const { return loop->state(); }
  const Job& job(std::uint64_t id) const { return state().jobs.at(JobId{id}); }
  const Trial& trial(std::uint64_t id) const { return job(id).trials.at(1); }
  const Attempt& attempt(std::uint64_t id) const { return *trial(id).attempt; }
  const Task& task(const TaskId& id) const {
    const Task* found = find_task(state(), id);
    REQUIRE(found != nullptr);
    return *found;
  }
  const Node& node(const NodeId& id) const { return state().nodes.at(id); }
  bool is_live(std::uint64_t id) const { return state().jobs.contains(JobId{id}); }
  // The job as it ended.
  const Job& ended(std::uint64_t id) const {
    const auto& all = journal.records.finished;
    const auto found =
        std::find_if(all.begin(), all.end(), [&](const Job& j) { return j.id == JobId{id}; });
    REQUIRE(found != all.end());
    return *found;
  }
  std::vector<std::string> story(std::uint64_t id) const {
    std::vector<std::string> types;
    for (const auto& event : journal.records.events) {
      if (event.job == JobId{id}) types.push_back(event.type);
    }
    return types;
  }

  template <class T>
  std::vector<T> all() const {
    std::vector<T> found;
    for (const auto& effect : effects) {
      if (const auto* one = std::get_if<T>(&effect)) found.push_back(*one);
    }
    return found;
  }
  // The tasks that the last step ordered to start or to stop.
  std::vector<TaskId> started() const {
    std::vector<TaskId> ids;
    for (const auto& order : all<StartTask>()) ids.push_back(order.context.task);
    return ids;
  }
  std::vector<TaskId> stopped() const {
    std::vector<TaskId> ids;
    for (const auto& order : all<StopTask>()) ids.push_back(order.task);
    return ids;
  }

  Settings settings;
  testing::MemoryJournal journal;
  std::vector<Effect> effects;
  std::unique_ptr<Loop> loop;
  Timestamp now{1'000'000s};
  RequestId request = 0;
  std::uint64_t connection = 0;

 private:
  std::unique_ptr<Loop> make_loop(State from) {
    return std::make_unique<Loop>(settings, std::move(from), journal,
                                  [this](const Effect& e) { effects.push_back(e); });
  }
  Result<JobId> answer() const {
    const auto replies = all<Reply>();
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].request == request);
    return replies[0].result;
  }
  NodeId on(const TaskId& id) const {
    const Task* found = find_task(state(), id);
    return found != nullptr ? found->slots.node : state().nodes.begin()->first;
  }
  std::uint64_t session(const NodeId& id) const { return node(id).session; }
  static std::vector<std::uint16_t> ports() {
    std::vector<std::uint16_t> all;
    for (std::uint16_t port = 20000; port < 20032; ++port) all.push_back(port);
    return all;
  }

  // What holds after every step, whatever happened.
  void check_invariants() const {
    State rebuilt = state();
    rebuild_index(rebuilt);
    CHECK((rebuilt.index == state().index));
  }
};

}  // namespace dl::coordinator
