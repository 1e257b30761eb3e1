#include "daemon/runtime/device/probe.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "daemon/runtime/device/nvml.h"
#include "tests/support/temp_dir.h"

namespace dl::runtime::device {
namespace {

namespace fs = std::filesystem;

// What the fake library does wrong, for as long as this lives.
struct Fault {
  explicit Fault(const char* what) { ::setenv("FAKE_NVML", what, 1); }
  ~Fault() { ::unsetenv("FAKE_NVML"); }
};

void put(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

ProbeRequest fake() { return {.cpus = 4, .memory_bytes = 1 << 30, .nvml = FAKE_NVML_LIBRARY}; }

TEST_CASE("GPUs are read from NVML with index, UUID, name and memory", "[device]") {
  const auto report = probe(fake());
  REQUIRE(report.has_value());
  REQUIRE(report->resources.gpus.size() == 3);
  const Gpu& gpu = report->resources.gpus[2];
  CHECK(gpu.index == 2);
  CHECK(gpu.uuid == "GPU-00000002-1111-2222-3333-444444444444");
  CHECK(gpu.name == "Fake H100");
  CHECK(gpu.memory_bytes == 80ULL << 30);
  CHECK(report->resources.cpus == 4);
}

TEST_CASE("a GPU that is lost is left out, with a remark", "[device]") {
  const Fault fault("lost");
  const auto report = probe(fake());
  REQUIRE(report.has_value());
  REQUIRE(report->resources.gpus.size() == 2);
  CHECK(report->resources.gpus[1].index == 2);
  REQUIRE(report->remarks.size() == 1);
  CHECK(report->remarks[0].find("GPU 1 is left out: GPU is lost") == 0);
}

TEST_CASE("a driver that does not answer makes a node without GPUs, unless they were named",
          "[device]") {
  for (const char* what : {"init", "count"}) {
    const Fault fault(what);
    auto request = fake();
    const auto report = probe(request);
    REQUIRE(report.has_value());
    CHECK(report->resources.gpus.empty());
    CHECK(report->remarks.size() == 1);
    request.gpus = {"0"};
    CHECK(probe(request).error().code == Code::kUnavailable);
  }
  CHECK(read_gpus("libnvidia-ml-of-nobody.so.1").error().code == Code::kNotFound);
  CHECK(read_gpus("libm.so.6").error().message.find("nvmlInit_v2") != std::string::npos);
}

TEST_CASE("GPUs can be named by index and UUID, or not be offered at all", "[device]") {
  auto request = fake();
  request.gpus = {"2", "GPU-00000000-1111-2222-3333-444444444444"};
  const auto some = probe(request);
  REQUIRE(some.has_value());
  REQUIRE(some->resources.gpus.size() == 2);
  CHECK(some->resources.gpus[0].index == 0);
  request.gpus = {"none"};
  CHECK(probe(request)->resources.gpus.empty());
  request.gpus = {"7"};
  const auto error = probe(request).error();
  CHECK(error.code == Code::kInvalidArgument);
  CHECK(error.message.find("2 (GPU-00000002") != std::string::npos);
}

TEST_CASE("CPUs and memory are bounded by the cgroup, of either generation, or its parent",
          "[device]") {
  const test::TempDir v2;
  put(v2 / "proc/meminfo", "MemTotal:       16384 kB\nMemFree:        1 kB\n");
  CHECK(usable_memory(v2.path()) == 16384ULL << 10);
  put(v2 / "proc/self/cgroup", "0::/a/b\n");
  put(v2 / "sys/fs/cgroup/a/memory.max", "1000000\n");
  put(v2 / "sys/fs/cgroup/a/b/memory.max", "max\n");
  put(v2 / "sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  CHECK(usable_memory(v2.path()) == 1000000);
  CHECK(usable_cpus(v2.path()) == 1);

  const test::TempDir v1;
  put(v1 / "proc/meminfo", "MemTotal:       16384 kB\n");
  put(v1 / "proc/self/cgroup", "4:memory:/x\n2:cpu,cpuacct:/\n");
  put(v1 / "sys/fs/cgroup/memory/x/memory.limit_in_bytes", "4096\n");
  put(v1 / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  put(v1 / "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  CHECK(usable_memory(v1.path()) == 4096);
  CHECK(usable_cpus(v1.path()) >= 1);
}

TEST_CASE("this very machine has CPUs and memory", "[device]") {
  const auto report = probe({});
  REQUIRE(report.has_value());
  CHECK(report->resources.cpus >= 1);
  CHECK(report->resources.memory_bytes >= 64ULL << 20);
}

}  // namespace
}  // namespace dl::runtime::device
