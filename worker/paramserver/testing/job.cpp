#include "worker/paramserver/testing/job.h"

#include <mutex>
#include <vector>

namespace dl::worker::paramserver::testing {

using transport::Mesh;
using transport::testing::must;

ServerReport run(const Job& job, const WorkerFn& fn) {
  ServerReport sum;
  std::mutex mutex;
  ServerOptions options = job.server;
  options.workers = job.workers;
  transport::testing::spawn(
      {.kind = job.kind, .world_size = job.workers + job.servers, .link_bytes = 100'000},
      [&](std::unique_ptr<Mesh> mesh) {
        if (mesh->rank() >= job.workers) {
          const ServerReport report = must(serve(*mesh, options));
          const std::lock_guard lock(mutex);
          sum.pushes += report.pushes;
          sum.pulls += report.pulls;
          sum.repeats += report.repeats;
          sum.rows_pushed += report.rows_pushed;
          sum.rows_pulled += report.rows_pulled;
          return;
        }
        auto client = must(Client::join(*mesh, {.workers = job.workers,
                                                .tables = job.tables,
                                                .silence_timeout = job.silence_timeout}));
        std::vector<std::vector<float>> values;
        for (const DenseTable& table : job.tables.dense) values.emplace_back(table.elements());
        const std::vector<std::span<float>> spans(values.begin(), values.end());
        must(client->init(spans));
        fn(*client, mesh->rank());
        must(client->finish());
      });
  return sum;
}

}  // namespace dl::worker::paramserver::testing
