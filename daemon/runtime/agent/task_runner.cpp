#include "daemon/runtime/agent/task_runner.h"

#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "base/log.h"
#include "daemon/runtime/agent/environment.h"
#include "daemon/runtime/agent/process_tree.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/protocol.h"
#include "daemon/runtime/supervise/spawn.h"
#include "daemon/runtime/wire/agent_messages.h"

namespace dl::runtime::agent {
namespace {

namespace fs = std::filesystem;
using boost::asio::posix::stream_descriptor;

// Says, across a restart of the agent, that the task was told to stop by us.
constexpr char kStoppedFile[] = "stopped";

// Names the executor that runs the task.
constexpr char kExecutorFile[] = "executor";

// The worker's exit when it has stopped as it was told to.
constexpr int kStoppedCode = 128 + SIGTERM;

std::string program_of(const StartTask& order, const fs::path& worker) {
  return order.builtin ? worker.string() : "/bin/sh";
}

std::optional<ExecutorId> read_executor(const fs::path& folder) {
  const auto text = supervise::read_file(folder / kExecutorFile);
  if (!text) return std::nullopt;
  const ExecutorId id = std::strtoull(text->c_str(), nullptr, 10);
  return id != 0 ? std::optional(id) : std::nullopt;
}

// It has told the stand-in so itself.
bool ended_well(const fs::path& folder) {
  const auto record = supervise::read_exit_record(folder);
  return record && record->signal == 0 && record->failed_step.empty() &&
         (record->code == 0 || record->code == kStoppedCode);
}

// An order that cannot be read still has a task, which may run: it is watched all the same.
StartTask read_order(const fs::path& folder) {
  v1::StartTaskOrder wired;
  const auto text = supervise::read_file(folder / supervise::kOrderFile);
  if (text && wired.ParseFromString(*text)) {
    if (auto order = wire::from_wire(wired, "")) return *std::move(order);
  }
  spdlog::warn("{} cannot be read: its task is kept, its slots are unknown",
               (folder / supervise::kOrderFile).string());
  return {};
}

}  // namespace

struct TaskRunner::Process {
  Process(boost::asio::io_context& loop, TaskId task, fs::path where,
          const supervise::Cgroups& cgroups)
      : id(task),
        folder(std::move(where)),
        tree(std::make_shared<ProcessTree>(loop, folder, cgroups)),
        status(loop) {}

  TaskId id;
  fs::path folder;
  supervise::ExitFacts facts;
  std::optional<ExecutorId> executor;  // That runs it.
  std::optional<TaskExit> spawn_failure;
  std::shared_ptr<ProcessTree> tree;
  stream_descriptor status;
};

TaskRunner::TaskRunner(boost::asio::io_context& loop, RunnerOptions options,
                       ExecutorRunner& executors, Callbacks callbacks)
    : loop_(loop),
      options_(std::move(options)),
      executors_(executors),
      callbacks_(std::move(callbacks)) {}

TaskRunner::~TaskRunner() = default;

fs::path TaskRunner::folder_of(const TaskId& task) const {
  return options_.tasks_dir / supervise::folder_name(task);
}

bool TaskRunner::can_stand_in() const { return ::access(options_.stand_in.c_str(), X_OK) == 0; }

// --- starting --------------------------------------------------------------------------------

void TaskRunner::start(const StartTask& order, std::optional<ExecutorId> executor) {
  const TaskId& id = order.context.task;
  auto process = std::make_shared<Process>(loop_, id, folder_of(id), options_.cgroups);
  process->executor = executor;
  processes_[id] = process;
  if (auto spawned = spawn(*process, order); !spawned) {
    spdlog::error("task {}: {}", to_string(id), spawned.error().message);
    process->spawn_failure = supervise::exit_of_failed_spawn(spawned.error());
    boost::asio::post(loop_, [this, process] { end(process); });
    return;
  }
  await_status(process);
}

// The stand-in runs the worker itself where it finds no executor.
std::vector<std::string> TaskRunner::command_in(const Process& process,
                                                const StartTask& order) const {
  if (!process.executor) return command_of(order, options_.worker.string());
  return {options_.stand_in.string(), executors_.folder_of(*process.executor).string(),
          options_.worker.string()};
}

Result<void> TaskRunner::spawn(Process& process, const StartTask& order) {
  DL_CHECK(supervise::create_task_folder(process.folder));
  supervise::SpawnRequest request{.supervisor = options_.supervisor,
                                  .folder = process.folder,
                                  .workdir = order.workdir,
                                  .grace = order.grace,
                                  .command = command_in(process, order)};
  if (order.workdir.empty()) {
    request.workdir = process.folder / supervise::kWorkFolder;
    if (::mkdir(request.workdir.c_str(), 0700) != 0) {
      return errno_error("create " + request.workdir.string(), errno);
    }
  }
  TaskContext context = order.context;
  context.control_socket = options_.control_socket;
  const fs::path task_file = process.folder / supervise::kTaskFile;
  DL_CHECK(supervise::write_file(task_file, to_json(context)));
  DL_CHECK(supervise::write_file(process.folder / supervise::kOrderFile,
                                 wire::to_wire(order).SerializeAsString()));
  if (process.executor) {
    DL_CHECK(
        supervise::write_file(process.folder / kExecutorFile, std::to_string(*process.executor)));
  }
  request.env = environment_of(order, options_.base_environment, task_file.string());
  DL_TRY(request.cgroups, options_.cgroups.create(process.folder.filename().string(),
                                                  limits_of(order.slots, options_.cpu_quota)));
  process.facts = {.program = program_of(order, options_.worker),
                   .workdir = request.workdir.string(),
                   .memory_bytes = order.slots.memory_bytes};
  DL_TRY(auto spawned, supervise::spawn_supervisor(request));
  process.status.assign(spawned.status.release());
  process.tree->watch_child(spawned, [this, id = process.id] { on_tree_gone(id); });
  return {};
}

void TaskRunner::await_status(const std::shared_ptr<Process>& process) {
  process->status.async_wait(stream_descriptor::wait_read, [this, process](auto error) {
    if (!error) read_status(*process);
  });
}

void TaskRunner::read_status(Process& process) {
  if (!process.status.is_open()) return;
  char text[16] = {};
  const ssize_t got = ::read(process.status.native_handle(), text, sizeof text - 1);
  process.status.close();
  // Without a pid the start has failed, and the exit record tells why.
  if (got > 0) callbacks_.spawned(process.id, static_cast<std::uint32_t>(std::atoi(text)));
}

// --- ending ----------------------------------------------------------------------------------

// An executor that did not end its trial well has something of it left: it is part of the task, and
// goes with it.
void TaskRunner::on_tree_gone(const TaskId& task) {
  const std::shared_ptr<Process> process = processes_.at(task);
  if (!process->executor || ended_well(process->folder)) return end(process);
  executors_.end(*process->executor, [this, process] {
    const auto record = executors_.exit_record(*process->executor);
    if (record && record->oom_kills > 0) {
      record_failure(process->id, {.kind = FailureKind::kOutOfMemory,
                                   .message = supervise::out_of_memory_message(process->facts)});
    }
    end(process);
  });
}

void TaskRunner::end(const std::shared_ptr<Process>& process) {
  read_status(*process);  // Spawned comes before ended, also when both are there at once.
  callbacks_.ended(process->id);
}

TaskExit TaskRunner::exit_of(const TaskId& task) const {
  const auto found = processes_.find(task);
  if (found == processes_.end()) return {};
  const Process& process = *found->second;
  if (process.spawn_failure) return *process.spawn_failure;
  return supervise::exit_of(process.folder, process.facts);
}

void TaskRunner::signal(const TaskId& task, int number) {
  const auto found = processes_.find(task);
  if (found == processes_.end() || !found->second->tree->has_supervisor()) return;
  Process& process = *found->second;
  if (!process.facts.killed_by_us) {
    process.facts.killed_by_us = true;
    if (auto noted = supervise::write_file(process.folder / kStoppedFile, ""); !noted) {
      spdlog::warn("task {}: {}", to_string(task), noted.error().message);
    }
  }
  process.tree->signal(number == SIGKILL ? supervise::kKillTreeSignal : number);
}

void TaskRunner::record_failure(const TaskId& task, const supervise::WorkerFailure& failure) {
  const auto found = processes_.find(task);
  if (found == processes_.end()) return;
  if (auto written = supervise::write_failure(found->second->folder, failure); !written) {
    spdlog::warn("task {}: {}", to_string(task), written.error().message);
  }
}

void TaskRunner::drop(const TaskId& task) {
  processes_.erase(task);
  const fs::path folder = folder_of(task);
  supervise::drop_task_folder(folder);
  ::unlink((folder / kStoppedFile).c_str());
  ::unlink((folder / kExecutorFile).c_str());
}

// --- after a restart -------------------------------------------------------------------------

std::vector<dl::agent::TaskFound> TaskRunner::adopt() {
  std::vector<dl::agent::TaskFound> found;
  for (const fs::path& folder : supervise::entries_of(options_.tasks_dir)) {
    const auto id = supervise::task_of_folder(folder.filename().string());
    if (!id || ::access((folder / supervise::kOrderFile).c_str(), F_OK) != 0) continue;
    if (!adopt_folder(folder, *id, found)) supervise::drop_task_folder(folder);
  }
  return found;
}

// False when there is no task in the folder: its start never came so far.
bool TaskRunner::adopt_folder(const fs::path& folder, const TaskId& id,
                              std::vector<dl::agent::TaskFound>& found) {
  const StartTask order = read_order(folder);
  auto process = std::make_shared<Process>(loop_, id, folder, options_.cgroups);
  process->executor = read_executor(folder);
  process->facts = {
      .program = program_of(order, options_.worker),
      .workdir = order.workdir.empty() ? (folder / supervise::kWorkFolder).string() : order.workdir,
      .memory_bytes = order.slots.memory_bytes,
      .killed_by_us = ::access((folder / kStoppedFile).c_str(), F_OK) == 0};
  dl::agent::TaskFound task{.status = {.id = id, .state = TaskState::kRunning},
                            .slots = order.slots,
                            .ports = order.ports,
                            .grace = order.grace};
  if (process->facts.killed_by_us) task.status.state = TaskState::kStopping;
  if (!watch_again(*process, task)) return false;
  processes_[id] = process;
  found.push_back(std::move(task));
  return true;
}

// Finds out how the task is: alive, ended (with an exit), or without its supervisor. False when
// there is none.
bool TaskRunner::watch_again(Process& process, dl::agent::TaskFound& found) {
  using namespace std::chrono_literals;
  const fs::path& folder = process.folder;
  auto record = supervise::read_pid_record(folder);
  // A supervisor that is there writes its record within a moment.
  for (int tries = 0; !record && !supervise::read_exit_record(folder) && tries < 100 &&
                      supervise::find_supervisor(folder);
       ++tries) {
    std::this_thread::sleep_for(10ms);
    record = supervise::read_pid_record(folder);
  }
  const auto gone = [this, id = process.id] { on_tree_gone(id); };
  if (record && supervise::is_alive(*record)) {
    auto pidfd = supervise::open_pidfd(record->supervisor);
    if (pidfd && supervise::is_alive(*record)) {
      found.status.pid = static_cast<std::uint32_t>(record->task);
      process.tree->watch_found(record->supervisor, *std::move(pidfd), gone);
      return true;
    }
  }
  if (supervise::read_exit_record(folder)) {
    found.status.state = TaskState::kExited;
    found.status.exit = supervise::exit_of(folder, process.facts);
    return true;
  }
  if (!record) return false;
  // The supervisor's pid is not kept: it may be somebody else's by now.
  found.status.pid = static_cast<std::uint32_t>(record->task);
  process.tree->watch_orphans(gone);
  return true;
}

std::map<ExecutorId, TaskId> TaskRunner::executors_in_use() const {
  std::map<ExecutorId, TaskId> in_use;
  for (const auto& [id, process] : processes_) {
    if (process->executor && process->tree->is_watched()) in_use[*process->executor] = id;
  }
  return in_use;
}

}  // namespace dl::runtime::agent
