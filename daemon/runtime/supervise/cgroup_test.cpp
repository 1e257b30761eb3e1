#include "daemon/runtime/supervise/cgroup.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "daemon/runtime/supervise/task_folder.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::supervise {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  auto text = read_file(path);
  return text ? *text : "(absent)";
}

// A v2 hierarchy of plain files, as far as the agent writes to it.
struct FakeV2 {
  test::TempDir dir;
  CgroupSources sources;

  explicit FakeV2(std::string_view controllers) {
    fs::create_directories(dir / "system.slice/dl.service");
    std::ofstream(dir / "system.slice/dl.service/cgroup.controllers") << controllers << "\n";
    sources.mountinfo = "24 30 0:22 / /proc rw - proc proc rw\n42 32 0:39 / " +
                        dir.path().string() + " rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
    sources.membership = "0::/system.slice/dl.service\n";
    sources.self = ::getpid();
  }
  fs::path own() const { return dir.path() / "system.slice/dl.service"; }
};

TEST_CASE("cgroup v2: limits are set below the agent's own cgroup", "[cgroup]") {
  const FakeV2 fake("cpuset cpu io memory pids");
  const auto cgroups = Cgroups::detect(fake.sources, "gpu-01");
  REQUIRE(cgroups.version() == Cgroups::Version::kV2);
  CHECK(text_of(fake.own() / "cgroup.subtree_control") == "+memory +cpu +pids");
  CHECK(text_of(fake.own() / "dl-gpu-01/cgroup.subtree_control") == "+memory +cpu +pids");

  const auto folders = cgroups.create(
      "1.1.1-worker-0", {.memory_bytes = 1 << 20, .cpus = 4, .cpu_quota = 2, .processes_max = 500});
  REQUIRE(folders.has_value());
  REQUIRE(folders->size() == 1);
  const fs::path task = folders->front();
  CHECK(task == fake.own() / "dl-gpu-01/1.1.1-worker-0");
  CHECK(text_of(task / "memory.max") == "1048576");
  CHECK(text_of(task / "cpu.weight") == "400");
  CHECK(text_of(task / "cpu.max") == "200000 100000");
  CHECK(text_of(task / "pids.max") == "500");
}

TEST_CASE("cgroup v2: a task without limits gets none", "[cgroup]") {
  const FakeV2 fake("cpu memory pids");
  const auto folders = Cgroups::detect(fake.sources, "n").create("t", {});
  REQUIRE(folders.has_value());
  CHECK(fs::is_empty(folders->front()));
}

TEST_CASE("without the memory controller, or without a hierarchy, tasks run unlimited",
          "[cgroup]") {
  const FakeV2 fake("cpuset cpu");
  auto cgroups = Cgroups::detect(fake.sources, "n");
  CHECK(cgroups.version() == Cgroups::Version::kNone);
  CHECK(cgroups.description().find("no memory controller") != std::string::npos);
  const auto none = cgroups.create("t", {.memory_bytes = 1});
  REQUIRE(none.has_value());
  CHECK(none->empty());
  cgroups = Cgroups::detect(CgroupSources{}, "n");
  CHECK(cgroups.description() == "no cgroups: no hierarchy is mounted");
}

TEST_CASE("a container's mount shows a part of the tree", "[cgroup]") {
  FakeV2 fake("memory");
  fake.sources.mountinfo =
      "42 32 0:39 /docker/abc " + fake.own().string() + " rw - cgroup2 cgroup rw\n";
  fake.sources.membership = "0::/docker/abc\n";
  const auto cgroups = Cgroups::detect(fake.sources, "n");
  CHECK(cgroups.version() == Cgroups::Version::kV2);
  CHECK(fs::exists(fake.own() / "dl-n"));
}

TEST_CASE("cgroup v1: each controller has its own folder and files", "[cgroup]") {
  const test::TempDir dir;
  fs::create_directories(dir / "memory/x");
  fs::create_directories(dir / "cpu");
  const std::string base = dir.path().string();
  const CgroupSources sources{.mountinfo = "1 2 0:1 / " + base +
                                           "/memory rw - cgroup cgroup rw,memory\n" + "1 2 0:1 / " +
                                           base + "/cpu rw - cgroup cgroup rw,cpu,cpuacct\n" +
                                           "1 2 0:1 / " + base + " rw - cgroup2 cgroup2 rw\n",
                              .membership = "4:memory:/x\n2:cpu,cpuacct:/\n0::/\n",
                              .self = 1};
  const auto cgroups = Cgroups::detect(sources, "n");
  REQUIRE(cgroups.version() == Cgroups::Version::kV1);
  CHECK_FALSE(fs::exists(dir / "memory/x/dl-n"));  // Not before there is a task.
  fs::create_directories(dir / "memory/x/dl-n/t");
  std::ofstream(dir / "memory/x/dl-n/t/memory.limit_in_bytes");
  const auto folders = cgroups.create("t", {.memory_bytes = 4096, .cpus = 2});
  REQUIRE(folders.has_value());
  CHECK(folders->size() == 2);
  CHECK(text_of(dir / "memory/x/dl-n/t/memory.limit_in_bytes") == "4096");
  CHECK(text_of(dir / "cpu/dl-n/t/memory.limit_in_bytes") == "(absent)");
}

}  // namespace
}  // namespace dl::runtime::supervise
