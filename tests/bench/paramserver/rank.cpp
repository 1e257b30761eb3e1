// One rank of a job with parameter servers: pushes and pulls, round after round, and prints as one
// JSON object how long each round took (a worker), or how much processor time it used (a server).

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/support/rank.h"
#include "worker/paramserver/client.h"
#include "worker/paramserver/server.h"

namespace dl::worker::paramserver {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct Settings {
  bench::RankOptions self;
  std::uint32_t workers = 1;
  std::string call = "push_pull";  // push, pull, push_pull, rows.
  std::string consistency = "synchronous";
  std::uint64_t elements = 25'000'000;
  std::uint64_t rows = 1'000'000;
  std::uint32_t columns = 16;
  std::uint64_t batch = 20'000;
  std::uint32_t rounds = 5;
  std::string folder;
  bool replicate = false;
};

Consistency consistency_of(const std::string& name) {
  if (name == "asynchronous") return Consistency::kAsynchronous;
  if (name == "hogwild") return Consistency::kHogwild;
  if (name == "bounded") return Consistency::kBoundedStaleness;
  return Consistency::kSynchronous;
}

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double since(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

Tables tables_of(const Settings& settings) {
  if (settings.call == "rows") {
    return {.sparse = {{.name = "embedding", .rows = settings.rows, .columns = settings.columns}}};
  }
  return {.dense = {{"model", {{"weight", settings.elements}}}}};
}

class Rounds {
 public:
  Rounds(Client& client, const Settings& settings)
      : client_(client),
        settings_(settings),
        update_(settings.call == "rows" ? settings.batch * settings.columns : settings.elements, 1),
        values_(update_.size()),
        random_(settings.self.rank + 1) {
    if (settings.call == "rows") ids_.resize(settings.batch);
  }

  std::span<float> values() { return values_; }

  Result<void> call() {
    const PushOptions sgd{.learning_rate = 0.01f};
    if (settings_.call == "push") return client_.push(0, update_, sgd);
    if (settings_.call == "pull") return client_.pull(0, values_);
    if (settings_.call == "push_pull") return client_.push_pull(0, update_, sgd, values_);
    for (std::uint64_t& id : ids_) id = random_() % settings_.rows;
    DL_CHECK(client_.pull_rows(0, ids_, values_));
    return client_.push_rows(0, ids_, update_, sgd);
  }

 private:
  Client& client_;
  const Settings& settings_;
  std::vector<float> update_;
  std::vector<float> values_;
  std::vector<std::uint64_t> ids_;
  std::mt19937_64 random_;
};

Result<void> work(transport::Mesh& mesh, const Settings& settings) {
  DL_TRY(const auto client,
         Client::join(mesh, {.workers = settings.workers, .tables = tables_of(settings)}));
  Rounds rounds(*client, settings);
  const std::array<std::span<float>, 1> dense = {rounds.values()};
  DL_CHECK(client->init(settings.call == "rows" ? std::span<const std::span<float>>() : dense));
  DL_CHECK(rounds.call());  // Memory is touched, windows of TCP open.
  std::string times;
  for (std::uint32_t i = 0; i < settings.rounds; ++i) {
    const auto begin = SteadyClock::now();
    DL_CHECK(rounds.call());
    times += (times.empty() ? "" : ", ") + std::to_string(since(begin));
  }
  DL_CHECK(client->finish());
  const Statistics& statistics = client->statistics();
  std::printf("{\"rank\": %u, \"seconds\": [%s], \"bytes_sent\": %lu, \"bytes_received\": %lu}\n",
              mesh.rank(), times.c_str(), statistics.bytes_sent, statistics.bytes_received);
  return {};
}

Result<void> serve_workers(transport::Mesh& mesh, const Settings& settings) {
  const double before = processor_seconds();
  const ServerOptions options{.workers = settings.workers,
                              .consistency = consistency_of(settings.consistency),
                              .folder = settings.folder,
                              .run = "bench",
                              .replicate = settings.replicate};
  DL_TRY(const ServerReport report, serve(mesh, options));
  std::printf(
      "{\"rank\": %u, \"processor_seconds\": %f, \"rows_pushed\": %lu, \"rows_pulled\": %lu}\n",
      mesh.rank(), processor_seconds() - before, report.rows_pushed, report.rows_pulled);
  return {};
}

Result<void> run(const Settings& settings) {
  DL_TRY(const auto options, bench::connect_options(settings.self));
  DL_TRY(const auto mesh, transport::tcp::connect(options));
  return mesh->rank() < settings.workers ? work(*mesh, settings) : serve_workers(*mesh, settings);
}

}  // namespace
}  // namespace dl::worker::paramserver

int main(int argc, char** argv) {
  dl::worker::paramserver::Settings settings;
  CLI::App app("One rank of the parameter servers' benchmark.");
  settings.self.add_to(app);
  app.add_option("--workers", settings.workers)->required();
  app.add_option("--call", settings.call, "push, pull, push_pull or rows");
  app.add_option("--consistency", settings.consistency);
  app.add_option("--elements", settings.elements);
  app.add_option("--rows", settings.rows);
  app.add_option("--columns", settings.columns);
  app.add_option("--batch", settings.batch);
  app.add_option("--rounds", settings.rounds);
  app.add_option("--folder", settings.folder, "where servers keep their state; empty: nowhere");
  app.add_flag("--replicate", settings.replicate);
  CLI11_PARSE(app, argc, argv);
  return dl::bench::exit_code("paramserver_bench", settings.self,
                              dl::worker::paramserver::run(settings));
}
