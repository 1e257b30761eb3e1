#include "cmd/dlctl/dev/daemon_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <thread>

#include "daemon/runtime/supervise/process.h"

namespace dl::dlctl {
namespace {

namespace fs = std::filesystem;
using runtime::supervise::boot_id;
using runtime::supervise::start_time_of;

// posix_spawn's attributes and file actions, released together.
struct SpawnSetup {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;

  explicit SpawnSetup(const std::string& log) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_init(&attributes);
    sigset_t all;
    sigfillset(&all);
    posix_spawnattr_setsigdefault(&attributes, &all);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  ~SpawnSetup() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSetup(const SpawnSetup&) = delete;
  SpawnSetup& operator=(const SpawnSetup&) = delete;
};

Result<void> write_record(const fs::path& folder, const DaemonRecord& record) {
  std::ofstream out(folder / "process", std::ios::trunc);
  out << record.pid << " " << record.start_time << " " << record.boot_id << "\n" << std::flush;
  if (!out) return errno_error("cannot write " + (folder / "process").string(), errno);
  return {};
}

bool any_alive(const std::vector<DaemonRecord>& records) {
  for (const auto& record : records) {
    // A child of ours that has ended is a zombie until it is waited for.
    waitpid(record.pid, nullptr, WNOHANG);
    if (is_alive(record)) return true;
  }
  return false;
}

// Pids of a task that has not ended: its supervisor, and what lost its supervisor.
std::vector<pid_t> task_pids(const fs::path& folder) {
  const auto record = runtime::supervise::read_pid_record(folder);
  std::vector<pid_t> pids =
      runtime::supervise::find_strays(folder, record ? record->supervisor : 0);
  if (record && runtime::supervise::is_alive(*record)) pids.push_back(record->supervisor);
  return pids;
}

template <class Visit>
void for_each_task(const fs::path& agent_folder, Visit visit) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(agent_folder / "tasks", failed)) {
    const auto pids = task_pids(entry.path());
    if (!pids.empty()) visit(pids);
  }
}

}  // namespace

Result<DaemonRecord> start_daemon(const fs::path& folder, const std::vector<std::string>& command) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) return internal("cannot make " + folder.string() + ": " + failed.message());
  const SpawnSetup setup((folder / "log").string());
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  DaemonRecord record;
  const int error = posix_spawn(&record.pid, command[0].c_str(), &setup.files, &setup.attributes,
                                arguments.data(), environ);
  if (error != 0) return errno_error("cannot start " + command[0], error);
  const auto start_time = start_time_of(record.pid);
  if (!start_time) {
    return internal(command[0] + " ended at once; its log is " + (folder / "log").string());
  }
  record.start_time = *start_time;
  record.boot_id = boot_id();
  DL_CHECK(write_record(folder, record));
  return record;
}

std::optional<DaemonRecord> find_daemon(const fs::path& folder) {
  std::ifstream in(folder / "process");
  DaemonRecord record;
  if (!(in >> record.pid >> record.start_time >> record.boot_id)) return std::nullopt;
  if (!is_alive(record)) return std::nullopt;
  return record;
}

bool is_alive(const DaemonRecord& record) {
  return record.boot_id == boot_id() && start_time_of(record.pid) == record.start_time;
}

void stop_daemons(const std::vector<DaemonRecord>& records, std::chrono::seconds grace) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const auto& record : records) {
      if (is_alive(record)) kill(record.pid, signal);
    }
    const auto deadline = std::chrono::steady_clock::now() + grace;
    while (any_alive(records) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }
}

std::string log_tail(const fs::path& folder, std::size_t lines) {
  std::ifstream in(folder / "log");
  std::deque<std::string> last;
  for (std::string line; std::getline(in, line);) {
    last.push_back(line);
    if (last.size() > lines) last.pop_front();
  }
  std::string text;
  for (const auto& line : last) text += "\n  " + line;
  return text;
}

std::size_t kill_tasks(const fs::path& agent_folder) {
  std::size_t count = 0;
  // What a process starts while it is being looked for is found in the next round.
  for (int round = 0; round < 20; ++round) {
    std::size_t alive = 0;
    for_each_task(agent_folder, [&](const std::vector<pid_t>& pids) {
      ++alive;
      for (const pid_t pid : pids) kill(pid, SIGKILL);
    });
    count = std::max(count, alive);
    if (alive == 0) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return count;
}

std::size_t count_tasks_alive(const fs::path& agent_folder) {
  std::size_t count = 0;
  for_each_task(agent_folder, [&](const std::vector<pid_t>&) { ++count; });
  return count;
}

}  // namespace dl::dlctl
