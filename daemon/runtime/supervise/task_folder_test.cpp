#include "daemon/runtime/supervise/task_folder.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "daemon/runtime/supervise/exit_report.h"
#include "daemon/runtime/supervise/process.h"
#include "daemon/runtime/supervise/retention.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

void put(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

const ExitFacts kFacts{.program = "/opt/dl/bin/dl-worker",
                       .workdir = "/data/run",
                       .memory_bytes = 2ULL << 30,
                       .killed_by_us = false};

TEST_CASE("a task's folder is named after it, and read back", "[supervise]") {
  const TaskId task{
      .attempt = {.job = JobId{42}, .trial = 3, .attempt = 2}, .role = Role::kPs, .index = 11};
  CHECK(folder_name(task) == "42.3.2-ps-11");
  CHECK(task_of_folder("42.3.2-ps-11") == task);
  for (const char* other :
       {"", "-", "42.3.2", "42.3.2-ps", "42.3.2-ps-11.old-1", "a-b-c", "42.3.2-ps-011"}) {
    CHECK_FALSE(task_of_folder(other));
  }
}

TEST_CASE("records that are torn or strange are no records", "[supervise]") {
  const test::TempDir dir;
  CHECK_FALSE(read_exit_record(dir.path()));
  put(dir / "exit", "code 3\nsignal 0\noom_kills 1\nstep -\nerrno 0\n");
  REQUIRE(read_exit_record(dir.path()));
  CHECK(read_exit_record(dir.path())->code == 3);
  CHECK(read_exit_record(dir.path())->oom_kills == 1);
  put(dir / "exit", "code 3\nsig");
  CHECK_FALSE(read_exit_record(dir.path()));
  put(dir / "pid", "12 x");
  CHECK_FALSE(read_pid_record(dir.path()));
}

TEST_CASE("a pid is the same process only with the same start time and boot", "[supervise]") {
  PidRecord self{
      .supervisor = ::getpid(), .start_time = *start_time_of(::getpid()), .boot_id = boot_id()};
  CHECK(is_alive(self));
  self.start_time += 1;
  CHECK_FALSE(is_alive(self));
  self.start_time -= 1;
  self.boot_id = "another";
  CHECK_FALSE(is_alive(self));
}

TEST_CASE("an exit says whose fault it was and what to do", "[supervise]") {
  const test::TempDir dir;
  const auto exit_with = [&](std::string_view record) {
    put(dir / "exit", record);
    return exit_of(dir.path(), kFacts);
  };
  CHECK(exit_with("code 0\nsignal 0\noom_kills 1\nstep -\nerrno 0\n").ok());

  put(dir / "log", "epoch 1\nValueError: no such file train.csv\n\n");
  auto exit = exit_with("code 1\nsignal 0\noom_kills 0\nstep -\nerrno 0\n");
  CHECK_FALSE(exit.kind);
  CHECK(exit.message ==
        "exited with status 1; the last line of its log: ValueError: no such file train.csv");

  exit = exit_with("code 0\nsignal 9\noom_kills 0\nstep -\nerrno 0\n");
  CHECK(exit.kind == FailureKind::kInfrastructure);
  exit = exit_with("code 0\nsignal 9\noom_kills 2\nstep -\nerrno 0\n");
  CHECK(exit.kind == FailureKind::kOutOfMemory);
  CHECK(exit.message.find("2048 MiB") != std::string::npos);
  exit = exit_with("code 0\nsignal 11\noom_kills 0\nstep -\nerrno 0\n");
  CHECK_FALSE(exit.kind);
  CHECK(exit.message.find("SIGSEGV") != std::string::npos);

  exit = exit_with("code 0\nsignal 0\noom_kills 0\nstep exec\nerrno 2\n");
  CHECK(exit.kind == FailureKind::kInfrastructure);
  CHECK(exit.message.find("/opt/dl/bin/dl-worker cannot be executed") != std::string::npos);
  exit = exit_with("code 0\nsignal 0\noom_kills 0\nstep workdir\nerrno 13\n");
  CHECK(exit.kind == FailureKind::kSpec);
  CHECK(exit.message.find("/data/run cannot be entered: Permission denied") != std::string::npos);
  exit = exit_with("code 0\nsignal 0\noom_kills 0\nstep exec\nerrno 7\n");
  CHECK(exit.kind == FailureKind::kSpec);
}

TEST_CASE("the worker's own word on its failure counts, but not over a success", "[supervise]") {
  const test::TempDir dir;
  REQUIRE(write_failure(dir.path(), {FailureKind::kCommunication, "rank 1 went away\n(twice)"})
              .has_value());
  put(dir / "exit", "code 1\nsignal 0\noom_kills 0\nstep -\nerrno 0\n");
  const auto exit = exit_of(dir.path(), kFacts);
  CHECK(exit.kind == FailureKind::kCommunication);
  CHECK(exit.message == "rank 1 went away\n(twice)");
  put(dir / "exit", "code 0\nsignal 0\noom_kills 0\nstep -\nerrno 0\n");
  CHECK(exit_of(dir.path(), kFacts).ok());
}

TEST_CASE("a missing exit record is the supervisor's death, or the machine's", "[supervise]") {
  const test::TempDir dir;
  put(dir / "pid", "1 1 " + boot_id() + " 2\n");
  CHECK(exit_of(dir.path(), kFacts).kind == FailureKind::kInfrastructure);
  put(dir / "pid", "1 1 another 2\n");
  CHECK(exit_of(dir.path(), kFacts).kind == FailureKind::kNodeLost);
}

TEST_CASE("a message from a log is one clean line of bounded length", "[supervise]") {
  const test::TempDir dir;
  put(dir / "log", "a\x1b[31mred\x1b[0m\n");
  CHECK(last_log_line(dir.path()) == "a [31mred [0m");
  std::string umlauts;
  for (int i = 0; i < 3000; ++i) umlauts += "ü";
  put(dir / "log", "x" + umlauts);
  const auto line = last_log_line(dir.path());
  CHECK(line.size() <= 240);
  CHECK((static_cast<unsigned char>(line.back()) & 0xC0) == 0x80);  // A whole character.
}

TEST_CASE("a folder of an earlier cluster is set aside, a forgotten one keeps its log",
          "[supervise]") {
  const test::TempDir dir;
  const auto folder = dir / "1.1.1-worker-0";
  REQUIRE(create_task_folder(folder).has_value());
  put(folder / "log", "old");
  put(folder / "order", "x");
  put(folder / "exit", "x");
  REQUIRE(create_task_folder(folder).has_value());
  CHECK(fs::is_empty(folder));
  const auto aside = dir / "1.1.1-worker-0.old-1";
  CHECK(*read_file(aside / "log") == "old");
  CHECK_FALSE(fs::exists(aside / "order"));
}

TEST_CASE("old folders go by age, then by size, never those of tasks", "[supervise]") {
  const test::TempDir dir;
  const auto now = fs::file_time_type::clock::now();
  const auto make = [&](const std::string& name, std::chrono::hours age, std::size_t bytes) {
    fs::create_directories(dir / name);
    put(dir / name / "log", std::string(bytes, 'x'));
    fs::last_write_time(dir / name / "log", now - age);
  };
  make("1.1.1-worker-0", 200h, 10);
  make("2.1.1-worker-0", 200h, 10);
  make("3.1.1-worker-0", 3h, 600);
  make("4.1.1-worker-0", 2h, 600);
  make("5.1.1-worker-0", 200h, 10);
  put(dir / "5.1.1-worker-0" / "order", "x");
  const auto removed =
      remove_old_folders(dir.path(), {.age_max = 168h, .bytes_max = 1000}, {"2.1.1-worker-0"}, now);
  CHECK(removed == std::vector<std::string>{"1.1.1-worker-0", "3.1.1-worker-0"});
  CHECK(fs::exists(dir / "4.1.1-worker-0" / "log"));
  CHECK(fs::exists(dir / "5.1.1-worker-0"));
}

}  // namespace
}  // namespace dl::runtime::supervise
