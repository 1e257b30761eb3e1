// The real dl-supervisor with real processes.

#include <dirent.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <cstdio>
#include <functional>

#include "daemon/runtime/supervise/cgroup.h"
#include "daemon/runtime/supervise/exit_report.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/protocol.h"
#include "daemon/runtime/supervise/spawn.h"
#include "daemon/runtime/supervise/task_folder.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

bool readable(int fd, std::chrono::milliseconds timeout) {
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&entry, 1, static_cast<int>(timeout.count())) == 1;
}

// For what no descriptor announces.
bool becomes_true(const std::function<bool()>& condition) {
  const auto end = Clock::now() + 10s;
  while (!condition()) {
    if (Clock::now() > end) return false;
    ::usleep(2000);
  }
  return true;
}

struct Task {
  test::TempDir dir;
  fs::path folder = dir.path() / "1.1.1-worker-0";
  Spawned spawned;
  pid_t pid = 0;

  explicit Task(std::string command, std::chrono::milliseconds grace = 10s,
                std::vector<std::string> cgroups = {}) {
    start({.workdir = dir.path(),
           .grace = grace,
           .cgroups = std::move(cgroups),
           .command = {"/bin/sh", "-c", std::move(command)}});
  }
  explicit Task(SpawnRequest request) { start(std::move(request)); }

  void start(SpawnRequest request) {
    request.supervisor = fs::path(DL_BINARY_DIR) / "dl-supervisor";
    request.folder = folder;
    request.env["PATH"] = "/usr/bin:/bin";
    REQUIRE(create_task_folder(folder).has_value());
    auto result = spawn_supervisor(request);
    REQUIRE(result.has_value());
    spawned = *std::move(result);
    REQUIRE(readable(spawned.status.get(), 10s));
    char text[16] = {};
    if (::read(spawned.status.get(), text, sizeof text - 1) > 0) pid = std::atoi(text);
  }

  void wait() {
    REQUIRE(readable(spawned.pidfd.get(), 20s));
    REQUIRE(::waitpid(spawned.supervisor, nullptr, 0) == spawned.supervisor);
  }
  ExitRecord record() {
    wait();
    const auto found = read_exit_record(folder);
    REQUIRE(found);
    return *found;
  }
  std::string log() const { return *read_file(folder / kLogFile); }
  bool logged(std::string_view text) const {
    return becomes_true([&] { return log().find(text) != std::string::npos; });
  }
};

TEST_CASE("a task's output and exit status are kept", "[supervisor]") {
  Task task("echo out; echo err >&2; pwd; exit 7");
  CHECK(task.pid > 0);
  const auto record = task.record();
  CHECK(record.code == 7);
  CHECK(record.signal == 0);
  CHECK(task.log() == "out\nerr\n" + task.dir.path().string() + "\n");
}

TEST_CASE("a task that dies of a signal says so", "[supervisor]") {
  CHECK(Task("kill -SEGV $$").record().signal == SIGSEGV);
  CHECK(Task("kill -KILL $$").record().signal == SIGKILL);
}

TEST_CASE("a task has default signals, no descriptors but its own, and no more variables",
          "[supervisor]") {
  Task task("ls /proc/self/fd | wc -l; grep -E '^Sig(Blk|Ign)' /proc/self/status; env");
  task.wait();
  const auto log = task.log();
  INFO(log);
  CHECK(log.find("4\nSigBlk:\t0000000000000000\nSigIgn:\t") == 0);
  const auto ignored = std::stoull(log.substr(log.find("SigIgn:\t") + 8), nullptr, 16);
  constexpr auto kOfThreadLibrary = 3ULL << 31;  // posix_spawn ignores libc's own two.
  CHECK((ignored & ~kOfThreadLibrary) == 0);
  CHECK(log.find("DL_TASK_FOLDER=" + task.folder.string()) != std::string::npos);
  CHECK(log.find("HOME=") == std::string::npos);
}

TEST_CASE("SIGTERM goes to the whole tree", "[supervisor]") {
  Task task(
      "trap 'wait; echo outer; exit 3' TERM;"
      "sh -c 'trap \"echo inner; exit 0\" TERM; echo ready; while :; do sleep 0.05; done' & wait");
  REQUIRE(task.logged("ready"));
  ::kill(task.spawned.supervisor, SIGTERM);
  CHECK(task.record().code == 3);
  CHECK(task.log().find("inner") != std::string::npos);
}

TEST_CASE("a process that ends in good order is not sent a second SIGTERM", "[supervisor]") {
  Task task(
      "sh -c 'trap \"echo term\" TERM; echo ready; sleep 0.4; sleep 0.4; echo done' & "
      "wait");
  REQUIRE(task.logged("ready"));
  ::kill(task.spawned.supervisor, SIGTERM);
  CHECK(task.record().signal == SIGTERM);
  const auto log = task.log();
  CHECK(log.find("term") != std::string::npos);
  CHECK(log.find("term") == log.rfind("term"));
  CHECK(log.find("done") != std::string::npos);
}

TEST_CASE("a process that ignores SIGTERM and leaves its session is killed with the tree",
          "[supervisor]") {
  Task task(
      "trap '' TERM; (setsid sh -c 'trap \"\" TERM; sleep 1000 & echo $! > pid; wait' &); "
      "while [ ! -s pid ]; do sleep 0.01; done; echo ready; sleep 1000");
  REQUIRE(task.logged("ready"));
  const pid_t stray = std::atoi(read_file(task.dir / "pid")->c_str());
  ::kill(task.spawned.supervisor, SIGTERM);
  CHECK_FALSE(readable(task.spawned.pidfd.get(), 100ms));
  ::kill(task.spawned.supervisor, kKillTreeSignal);
  CHECK(task.record().signal == SIGKILL);
  CHECK_FALSE(start_time_of(stray));
}

TEST_CASE("what a command leaves behind gets its grace, then goes", "[supervisor]") {
  const auto begin = Clock::now();
  Task task(
      "(setsid sh -c 'trap \"\" TERM; echo > ready; sleep 1000' &); "
      "while [ ! -e ready ]; do sleep 0.01; done; exit 0",
      200ms);
  CHECK(task.record().code == 0);
  CHECK(Clock::now() - begin >= 200ms);
  CHECK(find_strays(task.folder, task.spawned.supervisor).empty());
}

TEST_CASE("a task that cannot be started says which step failed", "[supervisor]") {
  Task no_folder(SpawnRequest{.workdir = "/nowhere", .command = {"/bin/true"}});
  CHECK(no_folder.pid == 0);
  auto record = no_folder.record();
  CHECK(record.failed_step == kStepWorkdir);
  CHECK(record.errnum == ENOENT);
  Task no_program(SpawnRequest{.workdir = "/tmp", .command = {"/nowhere/dl-worker"}});
  record = no_program.record();
  CHECK(record.failed_step == kStepExec);
  Task no_cgroup("true", 1s, {"/nowhere/cgroup"});
  CHECK(no_cgroup.record().failed_step == kStepCgroup);
}

TEST_CASE("a command too long for the kernel, and a missing supervisor, are errors at once",
          "[supervisor]") {
  const test::TempDir dir;
  SpawnRequest request{.supervisor = fs::path(DL_BINARY_DIR) / "dl-supervisor",
                       .folder = dir.path(),
                       .workdir = "/tmp",
                       .command = {"/bin/sh", "-c", std::string(3 << 20, 'x')}};
  CHECK(spawn_supervisor(request).error().code == Code::kInvalidArgument);
  request.command = {"/bin/true"};
  request.supervisor = "/nowhere/dl-supervisor";
  const auto error = spawn_supervisor(request).error();
  CHECK(error.code == Code::kNotFound);
  CHECK(error.message.find("/nowhere/dl-supervisor") != std::string::npos);
  CHECK(exit_of_failed_spawn(error).kind == FailureKind::kInfrastructure);
}

TEST_CASE("a killed supervisor takes its command along, and its strays are found", "[supervisor]") {
  Task task("(setsid sleep 1000 &); echo ready; sleep 1000");
  REQUIRE(task.logged("ready"));
  ::kill(task.spawned.supervisor, SIGKILL);
  task.wait();
  REQUIRE(becomes_true([&] { return !start_time_of(task.pid); }));
  const auto strays = find_strays(task.folder, task.spawned.supervisor);
  CHECK_FALSE(strays.empty());
  for (const pid_t stray : strays) ::kill(stray, SIGKILL);
  CHECK(becomes_true([&] { return find_strays(task.folder, task.spawned.supervisor).empty(); }));
  CHECK(exit_of(task.folder, {}).kind == FailureKind::kInfrastructure);
}

TEST_CASE("a running supervisor is recognised by its records and by its environment",
          "[supervisor]") {
  Task task("echo ready; sleep 1000");
  REQUIRE(task.logged("ready"));
  REQUIRE(becomes_true([&] { return read_pid_record(task.folder).has_value(); }));
  const auto record = *read_pid_record(task.folder);
  CHECK(record.supervisor == task.spawned.supervisor);
  CHECK(record.task == task.pid);
  CHECK(is_alive(record));
  CHECK(find_supervisor(task.folder) == task.spawned.supervisor);
  ::kill(task.spawned.supervisor, kKillTreeSignal);
  task.wait();
  CHECK_FALSE(is_alive(record));
}

TEST_CASE("a task in a real cgroup is limited, and its OOM kill is seen", "[supervisor][cgroup]") {
  const std::string node = "test-" + std::to_string(::getpid());
  const auto cgroups = Cgroups::detect(node);
  if (cgroups.version() == Cgroups::Version::kNone) {
    WARN(cgroups.description());
    return;
  }
  const auto folders = cgroups.create("task", {.memory_bytes = 32ULL << 20});
  if (!folders) {
    WARN(folders.error().message);
    return;
  }
  {
    Task task("head -c 200000000 /dev/zero | tail -c 190000000 | wc -c; [ ${?} -eq 0 ] && exit 9",
              1s, *folders);
    const auto record = task.record();
    CHECK(record.oom_kills > 0);
  }
  for (const auto& folder : *folders) CHECK_FALSE(fs::exists(fs::path(folder).parent_path()));
}

TEST_CASE("a task that fills the disk with its output still ends on record", "[supervisor]") {
  const test::TempDir dir;
  if (::mount("none", dir.path().c_str(), "tmpfs", 0, "size=256k") != 0) {
    WARN("no disk to fill: mounting needs root");
    return;
  }
  SpawnRequest request{.supervisor = fs::path(DL_BINARY_DIR) / "dl-supervisor",
                       .folder = dir / "task",
                       .workdir = "/tmp",
                       .command = {"/bin/sh", "-c", "yes; exit 6"},
                       .env = {{"PATH", "/usr/bin:/bin"}}};
  REQUIRE(create_task_folder(request.folder).has_value());
  const auto spawned = spawn_supervisor(request);
  REQUIRE(spawned.has_value());
  CHECK(readable(spawned->pidfd.get(), 20s));
  ::waitpid(spawned->supervisor, nullptr, 0);
  const auto record = read_exit_record(request.folder);
  ::umount(dir.path().c_str());
  REQUIRE(record);
  CHECK(record->code == 6);
}

TEST_CASE("starting a task takes little time", "[supervisor]") {
  std::vector<double> milliseconds;
  for (int i = 0; i < 30; ++i) {
    const auto begin = Clock::now();
    Task task(SpawnRequest{.workdir = "/tmp", .command = {"/bin/true"}});
    milliseconds.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    task.wait();
  }
  std::sort(milliseconds.begin(), milliseconds.end());
  WARN("start to exec, median of 30: " << milliseconds[15] << " ms");
  CHECK(milliseconds[15] < 100);  // A bound for a busy machine; the figure above is the result.
}

}  // namespace
}  // namespace dl::runtime::supervise
