// The submit bench: durable submits a second from many clients, and the way from a submit to the
// task's first instruction. Prints one JSON object; exits 1 below the figures asked for by flags.
//
// Real daemons on a real disk. Slurm's figures are those of 22.05.8 on a machine of the same
// kind: eight submitters with the partition down, srun and sbatch on an idle cluster.

#include <sqlite3.h>

#include <grpcpp/grpcpp.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/bench/submit/child.h"
#include "tests/bench/submit/http_get.h"
#include "tests/bench/submit/launch.h"
#include "tests/bench/submit/load.h"
#include "tests/support/temp_dir.h"

namespace dl::bench {
namespace {

constexpr double kSlurmSubmitsPerSecond = 280;
constexpr double kSlurmSrunMs = 37;
constexpr double kSlurmSbatchMs = 621;

struct Settings {
  std::filesystem::path bin = DL_BINARY_DIR;
  std::filesystem::path state;  // Empty: a folder under the system's own for temporary files.
  std::uint32_t clients = 64;
  double seconds = 5;
  std::uint32_t launches = 50;
  double min_submits_per_s = 5000;
  double max_launch_ms = 5;
};

// A coordinator with a state of its own.
struct Coordinator {
  Coordinator(const Settings& settings, const std::filesystem::path& state_dir)
      : state(state_dir),
        child({(settings.bin / "dl-coordinatord").string(), "--state-dir", state.string(),
               "--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--log-level", "warn"},
              state.string() + ".log") {
    std::ifstream(state / "token") >> token;
    address = word_after("grpc ");
    http = word_after("http ");
  }

  std::string word_after(const std::string& key) const {
    const auto begin = child.ready_line().find(key) + key.size();
    return child.ready_line().substr(begin, child.ready_line().find(',', begin) - begin);
  }

  std::filesystem::path state;
  Child child;
  std::string token;
  std::string address;
  std::string http;
};

struct Report {
  LoadResult load;
  std::uint64_t commits = 0;
  std::vector<double> launches_ms;
};

void measure(const Settings& settings, const std::filesystem::path& folder, Report& report) {
  {
    const Coordinator coordinator(settings, folder / "load");
    report.load = run_load({.address = coordinator.address,
                            .token = coordinator.token,
                            .clients = settings.clients,
                            .duration = std::chrono::milliseconds(
                                static_cast<std::int64_t>(settings.seconds * 1000))});
    report.commits = metric(coordinator.http, coordinator.token, "dl_commits_total");
  }
  if (settings.launches == 0) return;
  const Coordinator coordinator(settings, folder / "launch");
  const Child agent(
      {(settings.bin / "dl-agentd").string(), "--state-dir", (folder / "agent").string(),
       "--coordinator", coordinator.address, "--token-file", (coordinator.state / "token").string(),
       "--node", "bench", "--log-level", "warn"},
      (folder / "agent.log").string());
  std::filesystem::create_directories(folder / "clocks");
  report.launches_ms = run_launches({.address = coordinator.address,
                                     .token = coordinator.token,
                                     .scratch = folder / "clocks",
                                     .launches = settings.launches});
}

void print(const Report& report, const Settings& settings) {
  const double rate = report.load.submits_per_second;
  const double launch_ms = quantile(report.launches_ms, 0.5);
  std::printf(
      "{\n  \"name\": \"submit\",\n  \"ours\": {\"submits_per_s\": %.0f, \"p50_ms\": %.2f, "
      "\"p99_ms\": %.2f, \"acknowledged\": %llu, \"commits\": %llu, \"clients\": %u, "
      "\"submit_to_exec_p50_ms\": %.2f, \"submit_to_exec_p99_ms\": %.2f, "
      "\"launches\": %zu},\n",
      rate, quantile(report.load.latencies_ms, 0.5), quantile(report.load.latencies_ms, 0.99),
      static_cast<unsigned long long>(report.load.acknowledged),
      static_cast<unsigned long long>(report.commits), settings.clients, launch_ms,
      quantile(report.launches_ms, 0.99), report.launches_ms.size());
  std::printf(
      "  \"peer\": {\"name\": \"slurm 22.05.8\", \"submits_per_s\": %.0f, "
      "\"srun_to_exec_p50_ms\": %.0f, \"sbatch_to_exec_p50_ms\": %.0f},\n",
      kSlurmSubmitsPerSecond, kSlurmSrunMs, kSlurmSbatchMs);
  std::printf("  \"ratio\": {\"submits_per_s\": %.1f, \"submit_to_exec\": %.1f},\n",
              rate / kSlurmSubmitsPerSecond, launch_ms > 0 ? kSlurmSrunMs / launch_ms : 0.0);
  std::printf("  \"bound\": {\"submits_per_s\": %.0f, \"submit_to_exec_p50_ms\": %.1f},\n",
              settings.min_submits_per_s, settings.max_launch_ms);
  std::printf("  \"versions\": {\"grpc\": \"%s\", \"sqlite\": \"%s\"}\n}\n",
              grpc::Version().c_str(), sqlite3_libversion());
}

// What falls short of the figures asked for; empty: nothing.
std::string shortfall(const Report& report, const Settings& settings) {
  if (!report.load.error.empty()) return "a submit failed: " + report.load.error;
  if (report.load.submits_per_second < settings.min_submits_per_s)
    return "too few submits a second";
  if (settings.max_launch_ms > 0 && quantile(report.launches_ms, 0.5) > settings.max_launch_ms) {
    return "too long from the submit to the task";
  }
  return {};
}

int run(const Settings& settings) {
  const test::TempDir temporary;
  const std::filesystem::path folder = settings.state.empty() ? temporary.path() : settings.state;
  Report report;
  measure(settings, folder, report);
  print(report, settings);
  const std::string problem = shortfall(report, settings);
  if (problem.empty()) return 0;
  std::fprintf(stderr, "submit_bench: %s\n", problem.c_str());
  return 1;
}

}  // namespace
}  // namespace dl::bench

int main(int argc, char** argv) {
  dl::bench::Settings settings;
  CLI::App app{"Durable submits a second, and the time from a submit to the task's start"};
  app.add_option("--bin", settings.bin, "Where dl-coordinatord, dl-agentd and dl-supervisor are");
  app.add_option("--state", settings.state, "An empty folder on the disk to be measured");
  app.add_option("--clients", settings.clients, "Clients that submit at once");
  app.add_option("--seconds", settings.seconds, "Of the load");
  app.add_option("--launches", settings.launches, "Jobs to start one by one; 0: none");
  app.add_option("--min-submits", settings.min_submits_per_s, "Exit 1 below so many a second");
  app.add_option("--max-launch-ms", settings.max_launch_ms, "Exit 1 above this median");
  CLI11_PARSE(app, argc, argv);
  try {
    return dl::bench::run(settings);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "submit_bench: %s\n", error.what());
    return 1;
  }
}
