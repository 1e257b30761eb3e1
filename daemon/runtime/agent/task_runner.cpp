#include "daemon/runtime/agent/task_runner.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <thread>

#include "base/log.h"
#include "daemon/runtime/agent/environment.h"
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

std::string program_of(const StartTask& order, const fs::path& worker) {
  return order.builtin ? worker.string() : "/bin/sh";
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
  Process(boost::asio::io_context& loop, TaskId task, fs::path where)
      : id(task), folder(std::move(where)), pidfd(loop), status(loop), timer(loop) {}

  TaskId id;
  fs::path folder;
  supervise::ExitFacts facts;
  pid_t supervisor = 0;  // 0 when there is none any more.
  bool ours = false;     // Our child: to be reaped.
  std::optional<TaskExit> spawn_failure;
  stream_descriptor pidfd;
  stream_descriptor status;
  boost::asio::steady_timer timer;
};

TaskRunner::TaskRunner(boost::asio::io_context& loop, RunnerOptions options, Callbacks callbacks)
    : loop_(loop), options_(std::move(options)), callbacks_(std::move(callbacks)) {}

TaskRunner::~TaskRunner() = default;

fs::path TaskRunner::folder_of(const TaskId& task) const {
  return options_.tasks_dir / supervise::folder_name(task);
}

// --- starting --------------------------------------------------------------------------------

void TaskRunner::start(const StartTask& order) {
  const TaskId& id = order.context.task;
  auto process = std::make_shared<Process>(loop_, id, folder_of(id));
  processes_[id] = process;
  if (auto spawned = spawn(*process, order); !spawned) {
    spdlog::error("task {}: {}", to_string(id), spawned.error().message);
    process->spawn_failure = supervise::exit_of_failed_spawn(spawned.error());
    boost::asio::post(loop_, [this, process] { end(process); });
    return;
  }
  await_status(process);
  watch(process);
}

Result<void> TaskRunner::spawn(Process& process, const StartTask& order) {
  DL_CHECK(supervise::create_task_folder(process.folder));
  supervise::SpawnRequest request{.supervisor = options_.supervisor,
                                  .folder = process.folder,
                                  .workdir = order.workdir,
                                  .grace = order.grace,
                                  .command = command_of(order, options_.worker.string())};
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
  request.env = environment_of(order, options_.base_environment, task_file.string());
  DL_TRY(request.cgroups, make_cgroups(process, order));
  process.facts = {.program = program_of(order, options_.worker),
                   .workdir = request.workdir.string(),
                   .memory_bytes = order.slots.memory_bytes};
  DL_TRY(auto spawned, supervise::spawn_supervisor(request));
  process.supervisor = spawned.supervisor;
  process.ours = true;
  process.pidfd.assign(spawned.pidfd.release());
  process.status.assign(spawned.status.release());
  return {};
}

Result<std::vector<std::string>> TaskRunner::make_cgroups(const Process& process,
                                                          const StartTask& order) {
  const std::uint32_t cpus = order.slots.cpus;
  return options_.cgroups.create(process.folder.filename().string(),
                                 {.memory_bytes = order.slots.memory_bytes,
                                  .cpus = cpus,
                                  .cpu_quota = options_.cpu_quota ? cpus : 0,
                                  .processes_max = 0});
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

void TaskRunner::watch(const std::shared_ptr<Process>& process) {
  process->pidfd.async_wait(stream_descriptor::wait_read, [this, process](auto error) {
    if (!error) on_supervisor_gone(process);
  });
}

void TaskRunner::on_supervisor_gone(const std::shared_ptr<Process>& process) {
  if (process->ours) ::waitpid(process->supervisor, nullptr, 0);
  process->pidfd.close();
  if (supervise::read_exit_record(process->folder)) return end(process);
  spdlog::warn("task {}: its supervisor {} was killed; killing what is left of the task",
               to_string(process->id), process->supervisor);
  end_when_clear(process);
}

// Without its supervisor a task's processes are found by their cgroup, their session and their
// environment. Its slots are free when no look finds any.
void TaskRunner::end_when_clear(const std::shared_ptr<Process>& process) {
  const std::string name = process->folder.filename().string();
  auto strays = supervise::find_strays(process->folder, process->supervisor);
  const auto members = options_.cgroups.processes(name);
  strays.insert(strays.end(), members.begin(), members.end());
  if (strays.empty()) {
    options_.cgroups.remove(name);
    return end(process);
  }
  for (const pid_t stray : strays) ::kill(stray, SIGKILL);
  process->timer.expires_after(std::chrono::milliseconds(20));
  process->timer.async_wait([this, process](auto error) {
    if (!error) end_when_clear(process);
  });
}

void TaskRunner::end(const std::shared_ptr<Process>& process) {
  process->supervisor = 0;
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
  if (found == processes_.end() || found->second->supervisor == 0) return;
  Process& process = *found->second;
  if (!process.facts.killed_by_us) {
    process.facts.killed_by_us = true;
    if (auto noted = supervise::write_file(process.folder / kStoppedFile, ""); !noted) {
      spdlog::warn("task {}: {}", to_string(task), noted.error().message);
    }
  }
  const int passed = number == SIGKILL ? supervise::kKillTreeSignal : number;
  if (process.pidfd.is_open()) {
    ::syscall(SYS_pidfd_send_signal, process.pidfd.native_handle(), passed, nullptr, 0);
  }
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
}

// --- after a restart -------------------------------------------------------------------------

std::vector<dl::agent::TaskFound> TaskRunner::adopt() {
  std::vector<dl::agent::TaskFound> found;
  std::error_code error;
  std::vector<fs::path> folders;
  for (auto it = fs::directory_iterator(options_.tasks_dir, error);
       !error && it != fs::directory_iterator(); it.increment(error)) {
    folders.push_back(it->path());
  }
  std::sort(folders.begin(), folders.end());
  for (const auto& folder : folders) {
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
  auto process = std::make_shared<Process>(loop_, id, folder);
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
  if (process->pidfd.is_open()) {
    watch(process);
  } else if (!task.status.exit) {
    boost::asio::post(loop_, [this, process] { end_when_clear(process); });
  }
  found.push_back(std::move(task));
  return true;
}

// Finds out how the task is: alive (its pidfd is open then), ended (with an exit), or without its
// supervisor (neither).
bool TaskRunner::watch_again(Process& process, dl::agent::TaskFound& found) {
  using namespace std::chrono_literals;
  auto record = supervise::read_pid_record(process.folder);
  // A supervisor that is there writes its record within a moment.
  for (int tries = 0; !record && !supervise::read_exit_record(process.folder) && tries < 100 &&
                      supervise::find_supervisor(process.folder);
       ++tries) {
    std::this_thread::sleep_for(10ms);
    record = supervise::read_pid_record(process.folder);
  }
  if (record && supervise::is_alive(*record)) {
    auto pidfd = supervise::open_pidfd(record->supervisor);
    if (pidfd && supervise::is_alive(*record)) {
      process.supervisor = record->supervisor;
      process.pidfd.assign(pidfd->release());
      found.status.pid = static_cast<std::uint32_t>(record->task);
      return true;
    }
  }
  if (supervise::read_exit_record(process.folder)) {
    found.status.state = TaskState::kExited;
    found.status.exit = supervise::exit_of(process.folder, process.facts);
    return true;
  }
  if (!record) return false;
  // The supervisor's pid is not kept: it may be somebody else's by now.
  found.status.pid = static_cast<std::uint32_t>(record->task);
  return true;
}

}  // namespace dl::runtime::agent
