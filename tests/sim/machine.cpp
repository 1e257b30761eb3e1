#include "tests/sim/machine.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdlib>

#include "tests/sim/world.h"

namespace dl::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kCpus = 4;
constexpr std::uint32_t kGpus = 2;
constexpr std::uint32_t kEpochs = 9;  // Of a search's trial.

// What a search's command varies; absent for other commands.
std::optional<double> lr_of(const std::string& command) {
  const auto at = command.find("--lr=");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(command.c_str() + at + 5, nullptr);
}

// The epoch that ends the name of a checkpoint.
std::uint32_t epoch_of(const std::string& checkpoint) {
  const auto at = checkpoint.rfind('-');
  if (at == std::string::npos) return 0;
  return static_cast<std::uint32_t>(std::strtoul(checkpoint.c_str() + at + 1, nullptr, 10));
}

TaskExit exit_code(int code) {
  return {.code = code, .signal = 0, .kind = std::nullopt, .message = {}};
}
TaskExit exit_signal(int number) {
  return {.code = 0, .signal = number, .kind = std::nullopt, .message = {}};
}
TaskExit exit_kind(FailureKind kind) {
  return {.code = 1, .signal = 0, .kind = kind, .message = std::string(to_string(kind))};
}

}  // namespace

Machine::Machine(World& world, NodeId name) : world_(world), name_(std::move(name)) {
  resources_.cpus = kCpus;
  for (std::uint32_t i = 0; i < kGpus; ++i) {
    resources_.gpus.push_back(
        {.index = i, .uuid = "GPU-" + name_ + std::to_string(i), .name = "sim", .memory_bytes = 0});
  }
}

void Machine::boot() {
  world_.tell([&](Checker& checker) { checker.on_boot(name_, resources_); });
}

// --- the agent ---------------------------------------------------------------------------------

void Machine::start_agent() {
  ++life_;
  world_.trace(name_ + ": agent starts");
  agent_ = std::make_unique<agent::State>();
  agent_->node = name_;
  agent_->resources = resources_;
  held_.clear();
  hold_ports(2 * settings_.ports_min);
  for (const auto& [id, process] : processes_) {
    decide(agent::TaskFound{
        .status = {.id = id,
                   .state = process.exit ? TaskState::kExited : TaskState::kRunning,
                   .pid = process.pid,
                   .exit = process.exit},
        .slots = process.view.slots,
        .ports = process.view.ports,
        .grace = process.grace});
  }
  connect();
}

void Machine::crash_agent() {
  if (!agent_) return;
  ++life_;
  world_.trace(name_ + ": agent dies");
  agent_.reset();
  if (auto link = std::exchange(link_, nullptr)) {
    link->closed_there = true;
    world_.network().break_link(link);
  }
  const Duration away = world_.time().between(milliseconds{100}, world_.scenario().away_max);
  world_.time().after(away, [this, life = life_] {
    if (life == life_) start_agent();
  });
}

void Machine::reboot() {
  world_.trace(name_ + ": reboots");
  for (const auto& [id, process] : processes_) {
    if (process.exit) continue;
    world_.tell([&](Checker& checker) { checker.on_exit(process.view); });
  }
  processes_.clear();
  crash_agent();
}

void Machine::break_connection() {
  if (link_) world_.network().break_link(link_);
}

void Machine::connect() {
  if (!agent_ || link_) return;
  link_ = world_.network().connect(name_);
  if (link_) {
    decide(agent::Connected{});
    return;
  }
  world_.time().after(world_.time().between(milliseconds{200}, seconds{1}), [this, life = life_] {
    if (life == life_) connect();
  });
}

void Machine::on_closed(const LinkPtr& link) {
  if (!agent_ || link_ != link) return;
  link_ = nullptr;
  decide(agent::Disconnected{});
  world_.time().after(world_.time().between(milliseconds{100}, seconds{1}), [this, life = life_] {
    if (life == life_) connect();
  });
}

void Machine::receive(const agent::Event& event) {
  if (agent_) decide(event);
}

void Machine::decide(const agent::Event& event) {
  if (world_.bug() == Bug::kForgetFence) {
    agent_->fence.clear();
    agent_->forgotten.clear();
  }
  const auto effects = agent::decide(*agent_, settings_, event, world_.now());
  const auto life = life_;
  for (const auto& effect : effects) {
    if (life == life_) run_effect(effect);
  }
  if (agent_) set_timer();
}

void Machine::set_timer() {
  const auto due = agent::next_deadline(*agent_);
  const auto timer = ++timer_;
  if (!due) return;
  const Duration wait = std::max(*due - world_.now(), Duration{1});
  world_.time().after(wait, [this, timer, life = life_] {
    if (timer == timer_ && life == life_) decide(agent::Tick{});
  });
}

template <class Event>
void Machine::send(Event event) {
  if (!link_) return;
  world_.network().to_coordinator(link_, [this, link = link_, event = std::move(event)] {
    world_.coordinator().receive(link, event);
  });
}

void Machine::run_effect(const agent::Effect& effect) {
  if (const auto* r = std::get_if<agent::SendRegistration>(&effect)) {
    send(coordinator::AgentConnected{.connection = 0,
                                     .node = name_,
                                     .host = name_,
                                     .agent_version = "sim",
                                     .resources = r->resources,
                                     .free_ports = r->free_ports,
                                     .tasks = r->tasks});
  } else if (const auto* h = std::get_if<agent::SendHeartbeat>(&effect)) {
    send(coordinator::AgentHeartbeat{
        .node = name_, .session = h->session, .free_ports = h->free_ports, .tasks = h->tasks});
  } else if (const auto* c = std::get_if<agent::SendTaskChanged>(&effect)) {
    send(coordinator::TaskChanged{.node = name_, .session = c->session, .status = c->status});
  } else if (const auto* order = std::get_if<agent::SpawnTask>(&effect)) {
    spawn(order->order);
  } else if (const auto* ended = std::get_if<agent::EndExecutor>(&effect)) {
    world_.time().after(world_.time().between(milliseconds{1}, milliseconds{30}),
                        [this, executor = ended->executor, life = life_] {
                          if (life == life_) decide(agent::ExecutorEnded{executor});
                        });
  } else if (const auto* s = std::get_if<agent::SignalTask>(&effect)) {
    signal(s->task, s->signal);
  } else if (const auto* dropped = std::get_if<agent::DropTask>(&effect)) {
    processes_.erase(dropped->task);
  } else if (const auto* hold = std::get_if<agent::HoldPorts>(&effect)) {
    world_.time().after(world_.time().between(milliseconds{1}, milliseconds{5}),
                        [this, count = hold->count, life = life_] {
                          if (life == life_) hold_ports(count);
                        });
  }
}

// The lowest that neither it nor a process holds, so that ports come back soon.
void Machine::hold_ports(std::size_t count) {
  std::set<std::uint16_t> taken = held_;
  for (const auto& [id, process] : processes_) {
    if (!process.exit) taken.insert(process.view.ports.begin(), process.view.ports.end());
  }
  for (std::uint16_t port = 20000; count > 0; ++port) {
    if (!taken.insert(port).second) continue;
    held_.insert(port);
    --count;
  }
  decide(agent::PortsHeld{{held_.begin(), held_.end()}});
}

// --- processes ---------------------------------------------------------------------------------

void Machine::spawn(const StartTask& order) {
  const TaskId id = order.context.task;
  for (const auto port : order.ports) held_.erase(port);
  if (world_.fault(world_.scenario().rates.spawn_failed)) {
    world_.time().after(milliseconds{2}, [this, id, life = life_] {
      if (life == life_) {
        decide(agent::TaskEnded{id, exit_kind(FailureKind::kInfrastructure)});
      }
    });
    return;
  }
  const auto& rates = world_.scenario().rates;
  Process process{.view = {.node = name_, .task = id, .slots = order.slots, .ports = order.ports},
                  .pid = next_pid_++,
                  .hangs = world_.fault(rates.hang),
                  .ignores_sigterm = world_.fault(rates.ignore_sigterm),
                  .grace = order.grace,
                  .exit = std::nullopt,
                  .lr = lr_of(order.command)};
  if (process.lr) {
    const TaskContext& context = order.context;
    process.first_epoch = epoch_of(context.resume_checkpoint.empty() ? context.inherited_checkpoint
                                                                     : context.resume_checkpoint);
    process.silent = world_.fault(rates.silent);
  }
  world_.trace(name_ + ": spawns " + to_string(id));
  world_.tell([&](Checker& checker) { checker.on_spawn(process.view); });
  const auto pid = process.pid;
  processes_[id] = std::move(process);
  world_.time().after(world_.time().between(milliseconds{1}, milliseconds{30}),
                      [this, id, pid, life = life_] {
                        if (life == life_) decide(agent::TaskSpawned{id, pid});
                      });
  run_process(id);
}

void Machine::run_process(const TaskId& task) {
  const Process& process = processes_.at(task);
  world_.time().after(seconds{1}, [this, task, pid = process.pid] { report(task, pid); });
  if (process.hangs) return;
  const auto& rates = world_.scenario().rates;
  TaskExit end = exit_code(0);
  if (world_.fault(rates.fail)) end = exit_code(1);
  if (world_.fault(rates.crash)) {
    end = world_.time().roll(2) == 0 ? exit_signal(SIGSEGV) : exit_kind(FailureKind::kOutOfMemory);
  }
  if (process.lr && end.ok()) return;  // It ends with its last epoch.
  exit_after(world_.time().between(milliseconds{50}, world_.scenario().process_max), task, end);
}

// One report at a time, and each until it is acknowledged.
void Machine::report(const TaskId& task, std::uint32_t pid) {
  const auto found = processes_.find(task);
  if (found == processes_.end() || found->second.exit || found->second.pid != pid) return;
  Process& process = found->second;
  if (process.reports == process.acknowledged) ++process.reports;
  if (agent_ && agent_->session != 0) {
    coordinator::TaskReport message{.node = name_,
                                    .session = agent_->session,
                                    .task = task,
                                    .number = process.reports,
                                    .progress = Progress{.step = process.reports},
                                    .metrics = {},
                                    .checkpoint = std::nullopt};
    if (process.lr) {
      report_epoch(task, process, message);
    } else if (process.reports % 3 == 0) {
      message.checkpoint = Checkpoint{.path = to_string(task), .step = process.reports};
    }
    send(std::move(message));
  }
  world_.time().after(seconds{2}, [this, task, pid] { report(task, pid); });
}

// Worker 0 says how good its lr is, which gets better with every epoch, and leaves a checkpoint.
void Machine::report_epoch(const TaskId& task, Process& process, coordinator::TaskReport& message) {
  const auto epoch =
      std::min(kEpochs, process.first_epoch + static_cast<std::uint32_t>(process.reports));
  message.progress = Progress{.epoch = epoch, .epochs = kEpochs, .step = epoch};
  if (task.index != 0) return;
  const double loss = std::abs(std::log10(*process.lr) + 2) + 1.0 / epoch;
  if (!process.silent) message.metrics.push_back({"loss", epoch, loss, world_.now()});
  message.checkpoint = Checkpoint{.path = "epoch-" + std::to_string(epoch), .step = epoch};
}

void Machine::acknowledge(const TaskId& task, std::uint64_t number) {
  const auto found = processes_.find(task);
  if (found == processes_.end()) return;
  Process& process = found->second;
  process.acknowledged = std::max(process.acknowledged, number);
  const bool done = process.lr && process.first_epoch + process.acknowledged >= kEpochs;
  if (done && !process.exit && !process.hangs) exit_after(milliseconds{5}, task, exit_code(0));
}

void Machine::signal(const TaskId& task, int number) {
  const auto found = processes_.find(task);
  if (found == processes_.end() || found->second.exit) return;
  Process& process = found->second;
  if (number == SIGKILL) {
    exit_after(world_.time().between(milliseconds{1}, milliseconds{50}), task,
               exit_signal(SIGKILL));
  } else if (!process.ignores_sigterm) {
    const bool gracefully = world_.time().roll(2) == 0;
    exit_after(world_.time().between(milliseconds{1}, seconds{3}), task,
               gracefully ? exit_code(0) : exit_signal(SIGTERM));
  }
}

void Machine::exit_after(Duration delay, const TaskId& task, TaskExit end) {
  const auto pid = processes_.at(task).pid;
  world_.time().after(delay, [this, task, pid, end = std::move(end)] {
    const auto found = processes_.find(task);
    if (found == processes_.end() || found->second.exit || found->second.pid != pid) return;
    exit(task, end);
  });
}

void Machine::exit(const TaskId& task, const TaskExit& end) {
  Process& process = processes_.at(task);
  process.exit = end;
  world_.trace(name_ + ": " + to_string(task) + " ends with " + std::to_string(end.code) + "/" +
               std::to_string(end.signal));
  world_.tell([&](Checker& checker) { checker.on_exit(process.view); });
  if (!end.ok() && end.kind != FailureKind::kCommunication) {
    for (auto& machine : world_.machines()) machine->lose_peer(task.attempt);
  }
  if (!agent_) return;
  world_.time().after(world_.time().between(milliseconds{1}, milliseconds{20}),
                      [this, task, end, life = life_] {
                        if (life == life_) decide(agent::TaskEnded{task, end});
                      });
}

void Machine::lose_peer(const AttemptId& attempt) {
  for (const auto& [id, process] : processes_) {
    if (id.attempt != attempt || process.exit || world_.time().roll(10) < 3) continue;
    exit_after(world_.time().between(milliseconds{1}, seconds{2}), id,
               exit_kind(FailureKind::kCommunication));
  }
}

std::size_t Machine::live_processes() const {
  return static_cast<std::size_t>(std::count_if(
      processes_.begin(), processes_.end(), [](const auto& entry) { return !entry.second.exit; }));
}

void Machine::end_hangs() {
  for (const auto& [id, process] : processes_) {
    if (process.hangs && !process.exit) exit_after(seconds{1}, id, exit_signal(SIGKILL));
  }
}

}  // namespace dl::sim
