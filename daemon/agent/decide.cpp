#include "daemon/agent/decide.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace dl::agent {
namespace {

using Effects = std::vector<Effect>;

const TaskExit kStoppedBeforeStart{
    .code = 0, .signal = SIGKILL, .kind = std::nullopt, .message = "was stopped before it started"};

bool is_live(const AgentTask& task) { return task.status.state != TaskState::kExited; }

std::vector<std::uint16_t> ports_of(const State& state) {
  return {state.free_ports.begin(), state.free_ports.end()};
}

std::vector<TaskStatus> inventory(const State& state) {
  std::vector<TaskStatus> all;
  all.reserve(state.tasks.size());
  for (const auto& [id, task] : state.tasks) all.push_back(task.status);
  return all;
}

void check_invariants(const State& state) {
  DL_ASSERT(state.session == 0 || state.connected, "a session lives on a connection");
  for (const auto& [id, task] : state.tasks) {
    DL_ASSERT(task.status.id == id, "tasks are filed under their own name");
    DL_ASSERT(is_live(task) == !task.status.exit, "a task has an exit when it has exited");
    DL_ASSERT(!task.kill_at || task.status.state == TaskState::kStopping,
              "only a task that was told to stop is going to be killed");
    if (!is_live(task)) continue;
    for (const auto port : task.ports) {
      DL_ASSERT(!state.free_ports.contains(port), "a live task's port is not offered");
    }
  }
  for (const auto& [id, executor] : state.executors) {
    if (!executor.task) continue;
    const auto task = state.tasks.find(*executor.task);
    DL_ASSERT(task != state.tasks.end() && is_live(task->second),
              "an executor without a live task is idle");
  }
  for (const auto& [id, order] : state.held_back) {
    DL_ASSERT(is_live(state.tasks.at(id)) && state.tasks.at(id).status.pid == 0,
              "a task that is held back waits for its process");
  }
}

// One event's work. Holds references only for the length of decide().
class Decider {
 public:
  Decider(State& state, const Settings& settings, Timestamp now)
      : state_(state), settings_(settings), now_(now) {}

  Effects take() && { return std::move(effects_); }

  void operator()(const Connected&) {
    state_.connected = true;
    state_.session = 0;
    refill_ports();
    send_registration();
  }

  void operator()(const Disconnected&) {
    state_.connected = false;
    state_.session = 0;
  }

  // What changed since the registration is said at once, by a heartbeat.
  void operator()(const Welcomed& event) {
    if (!state_.connected || event.session <= state_.session) return;
    state_.session = event.session;
    send_heartbeat();
  }

  void operator()(const StartOrdered& event) {
    const StartTask& order = event.order;
    const TaskId& id = order.context.task;
    if (const auto known = state_.tasks.find(id); known != state_.tasks.end()) {
      say_changed(known->second);
      return;
    }
    if (is_fenced(id) || state_.forgotten.contains(id)) {
      refuse(id);
      return;
    }
    start(order);
  }

  void operator()(const StopOrdered& event) {
    raise_fence(event.task.attempt.trial_id(), event.task.attempt.attempt);
    const auto found = state_.tasks.find(event.task);
    if (found == state_.tasks.end()) {
      refuse(event.task);
    } else if (is_live(found->second)) {
      stop(found->second, event.grace);
    } else {
      say_changed(found->second);
    }
  }

  // A live task cannot be forgotten: its slots are taken, whatever a late order says.
  void operator()(const ForgetOrdered& event) {
    const auto found = state_.tasks.find(event.task);
    if (found == state_.tasks.end() || is_live(found->second)) return;
    state_.tasks.erase(found);
    state_.forgotten[event.task] = now_;
    effects_.push_back(DropTask{event.task});
  }

  void operator()(const TaskFound& event) {
    AgentTask task{.status = event.status,
                   .slots = event.slots,
                   .ports = event.ports,
                   .grace = event.grace,
                   .kill_at = std::nullopt};
    const auto [entry, added] = state_.tasks.try_emplace(event.status.id, std::move(task));
    if (!added) return;
    if (is_live(entry->second)) {
      for (const auto port : event.ports) state_.free_ports.erase(port);
    }
    // An earlier agent has sent SIGTERM; when is not known, so the grace begins anew.
    if (event.status.state == TaskState::kStopping) entry->second.kill_at = now_ + event.grace;
    say_changed(entry->second);
  }

  void operator()(const TaskSpawned& event) {
    const auto found = state_.tasks.find(event.task);
    if (found == state_.tasks.end() || !is_live(found->second)) return;
    AgentTask& task = found->second;
    task.status.pid = event.pid;
    if (task.status.state == TaskState::kStarting) {
      task.status.state = TaskState::kRunning;
    } else if (task.status.state == TaskState::kStopping) {
      // The stop came before there was anything to signal.
      signal(task, task.killing ? SIGKILL : SIGTERM);
    }
    say_changed(task);
  }

  void operator()(const TaskEnded& event) {
    const auto found = state_.tasks.find(event.task);
    if (found == state_.tasks.end() || !is_live(found->second)) return;
    end(found->second, event.exit);
    say_changed(found->second);
  }

  void operator()(const ExecutorFound& event) {
    state_.executors[event.executor] = {.key = key_of(event.order), .task = event.task};
  }

  void operator()(const ExecutorEnded& event) {
    state_.executors.erase(event.executor);
    for (auto& [id, order] : std::exchange(state_.held_back, {})) spawn(std::move(order));
  }

  void operator()(const PortsHeld& event) {
    const bool was_short = state_.free_ports.size() < settings_.ports_min;
    state_.free_ports = {event.ports.begin(), event.ports.end()};
    for (const auto& [id, task] : state_.tasks) {
      if (!is_live(task)) continue;
      for (const auto port : task.ports) state_.free_ports.erase(port);
    }
    // A gang may be waiting for nothing but these.
    if (was_short && state_.session != 0) send_heartbeat();
  }

  void operator()(const Tick&) {
    kill_overdue();
    if (!state_.connected || now_ < state_.next_heartbeat) return;
    if (state_.session == 0) {
      send_registration();
      return;
    }
    refill_ports();
    sweep_memory();
    send_heartbeat();
  }

 private:
  void send_registration() {
    effects_.push_back(SendRegistration{.node = state_.node,
                                        .resources = state_.resources,
                                        .free_ports = ports_of(state_),
                                        .tasks = inventory(state_)});
    state_.next_heartbeat = now_ + settings_.welcome_timeout;
  }

  void send_heartbeat() {
    effects_.push_back(SendHeartbeat{
        .session = state_.session, .free_ports = ports_of(state_), .tasks = inventory(state_)});
    state_.next_heartbeat = now_ + settings_.heartbeat;
  }

  // Without a session the welcome's heartbeat says it.
  void say_changed(const AgentTask& task) {
    if (state_.session == 0) return;
    effects_.push_back(SendTaskChanged{.session = state_.session, .status = task.status});
  }

  bool is_fenced(const TaskId& id) const {
    const auto fence = state_.fence.find(id.attempt.trial_id());
    return fence != state_.fence.end() && id.attempt.attempt <= fence->second.attempt;
  }

  void raise_fence(const TrialId& trial, std::uint32_t attempt) {
    Fence& fence = state_.fence[trial];
    fence.attempt = std::max(fence.attempt, attempt);
    fence.since = now_;
  }

  void start(const StartTask& order) {
    const TaskId& id = order.context.task;
    if (id.attempt.attempt > 1) raise_fence(id.attempt.trial_id(), id.attempt.attempt - 1);
    for (const auto port : order.ports) state_.free_ports.erase(port);
    const auto entry = state_.tasks.emplace(
        id, AgentTask{
                .status = {.id = id, .state = TaskState::kStarting, .pid = 0, .exit = std::nullopt},
                .slots = order.slots,
                .ports = order.ports,
                .grace = order.grace,
                .kill_at = std::nullopt});
    if (order.warm) take_executor(order);
    make_room();
    spawn(order);
    say_changed(entry.first->second);
    refill_ports();
  }

  // An idle executor, or else a new one.
  void take_executor(const StartTask& order) {
    ExecutorKey key = key_of(order);
    const auto idle = idle_executor(state_.executors, key);
    if (idle) {
      state_.executors.at(*idle).task = order.context.task;
      return;
    }
    ExecutorId id = static_cast<ExecutorId>(now_.time_since_epoch().count());
    while (state_.executors.contains(id)) ++id;
    state_.executors[id] = {.key = std::move(key), .task = order.context.task};
    effects_.push_back(StartExecutor{.executor = id, .order = order});
  }

  std::optional<ExecutorId> executor_of(const TaskId& task) const {
    for (const auto& [id, executor] : state_.executors) {
      if (executor.task == task) return id;
    }
    return std::nullopt;
  }

  // Or has it wait until its slots are free.
  void spawn(StartTask order) {
    const TaskId id = order.context.task;
    if (waits_for_executor(state_.executors, order.slots)) {
      state_.held_back.emplace(id, std::move(order));
    } else {
      effects_.push_back(SpawnTask{std::move(order), executor_of(id)});
    }
  }

  // Sends away the executors whose slots are taken now.
  void make_room() {
    if (state_.executors.empty()) return;
    std::vector<SlotSet> used;
    for (const auto& [id, task] : state_.tasks) {
      if (is_live(task)) used.push_back(task.slots);
    }
    for (const auto id : executors_in_the_way(state_.executors, state_.resources, used)) {
      state_.executors.at(id).ending = true;
      effects_.push_back(EndExecutor{id});
    }
  }

  void release_executor(const TaskId& task) {
    const auto id = executor_of(task);
    if (!id) return;
    Executor& executor = state_.executors.at(*id);
    executor.task.reset();
    executor.idle_since = now_;
  }

  // The order comes too late or was never meant to be: kept as ended, so that it is said until the
  // coordinator has heard it.
  void refuse(const TaskId& id) {
    const auto entry = state_.tasks.emplace(id, AgentTask{.status = {.id = id,
                                                                     .state = TaskState::kExited,
                                                                     .pid = 0,
                                                                     .exit = kStoppedBeforeStart},
                                                          .slots = {},
                                                          .ports = {},
                                                          .kill_at = std::nullopt});
    say_changed(entry.first->second);
  }

  // A second stop can only bring the end nearer.
  void stop(AgentTask& task, std::chrono::milliseconds grace) {
    if (state_.held_back.erase(task.status.id) != 0) {
      end(task, kStoppedBeforeStart);
      say_changed(task);
      return;
    }
    const bool first = task.status.state != TaskState::kStopping;
    task.status.state = TaskState::kStopping;
    if (grace.count() <= 0) {
      if (!task.killing) kill(task);
    } else if (first) {
      task.kill_at = now_ + grace;
      signal(task, SIGTERM);
    } else if (!task.killing) {
      task.kill_at = std::min(*task.kill_at, now_ + Duration(grace));
    }
    if (first) say_changed(task);
  }

  void kill(AgentTask& task) {
    task.killing = true;
    task.kill_at = now_ + settings_.kill_again;
    signal(task, SIGKILL);
  }

  // Before its process exists a task is signalled by TaskSpawned.
  void signal(const AgentTask& task, int number) {
    if (task.status.pid == 0) return;
    effects_.push_back(SignalTask{.task = task.status.id, .signal = number});
  }

  void end(AgentTask& task, const TaskExit& exit) {
    task.status.state = TaskState::kExited;
    task.status.exit = exit;
    task.kill_at.reset();
    release_executor(task.status.id);
  }

  void kill_overdue() {
    for (auto& [id, task] : state_.tasks) {
      if (task.kill_at && *task.kill_at <= now_) kill(task);
    }
  }

  void refill_ports() {
    const std::size_t held = state_.free_ports.size();
    if (held >= settings_.ports_min) return;
    effects_.push_back(HoldPorts{.count = 2 * settings_.ports_min - held});
  }

  void sweep_memory() {
    const Timestamp oldest = now_ - settings_.memory;
    std::erase_if(state_.fence, [&](const auto& entry) {
      return entry.second.since < oldest && !has_tasks(entry.first);
    });
    std::erase_if(state_.forgotten, [&](const auto& entry) { return entry.second < oldest; });
    drop_oldest(state_.fence, [](const Fence& fence) { return fence.since; });
    drop_oldest(state_.forgotten, [](Timestamp since) { return since; });
  }

  bool has_tasks(const TrialId& trial) const {
    const auto first = state_.tasks.lower_bound(
        TaskId{.attempt = {.job = trial.job, .trial = trial.trial, .attempt = 0},
               .role = Role::kChief,
               .index = 0});
    return first != state_.tasks.end() && first->first.attempt.trial_id() == trial;
  }

  template <class Map, class SinceOf>
  void drop_oldest(Map& entries, SinceOf since_of) const {
    if (entries.size() <= settings_.memory_max) return;
    std::vector<Timestamp> ages;
    ages.reserve(entries.size());
    for (const auto& [key, value] : entries) ages.push_back(since_of(value));
    const auto excess = static_cast<std::ptrdiff_t>(entries.size() - settings_.memory_max);
    std::nth_element(ages.begin(), ages.begin() + excess - 1, ages.end());
    const Timestamp last_dropped = ages[static_cast<std::size_t>(excess) - 1];
    std::erase_if(entries,
                  [&](const auto& entry) { return since_of(entry.second) <= last_dropped; });
  }

  State& state_;
  const Settings& settings_;
  Timestamp now_;
  Effects effects_;
};

}  // namespace

std::vector<Effect> decide(State& state, const Settings& settings, const Event& event,
                           Timestamp now) {
  Decider decider(state, settings, now);
  std::visit(decider, event);
  check_invariants(state);
  return std::move(decider).take();
}

std::optional<Timestamp> next_deadline(const State& state) {
  std::optional<Timestamp> next;
  if (state.connected) next = state.next_heartbeat;
  for (const auto& [id, task] : state.tasks) {
    if (task.kill_at && (!next || *task.kill_at < *next)) next = task.kill_at;
  }
  return next;
}

}  // namespace dl::agent
