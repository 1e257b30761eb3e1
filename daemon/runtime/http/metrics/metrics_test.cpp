#include <catch2/catch.hpp>

#include "daemon/runtime/http/metrics/coordinator_metrics.h"
#include "daemon/runtime/http/metrics/http_stats.h"
#include "daemon/runtime/http/metrics/metrics_text.h"

namespace dl::runtime::http {
namespace {

TEST_CASE("metrics are in Prometheus' text form", "[http]") {
  MetricsText text;
  text.family("dl_x", "gauge", "Back\\slash.");
  text.sample("dl_x", {{"a", "q\"uote"}, {"b", "line\nbreak"}}, 0.5);
  const std::vector<double> bounds{0.1, 1};
  const std::vector<std::uint64_t> counts{3, 2, 1};
  text.histogram("dl_h", "H.", bounds, counts, 4.25);
  CHECK(text.text() ==
        "# HELP dl_x Back\\\\slash.\n# TYPE dl_x gauge\n"
        "dl_x{a=\"q\\\"uote\",b=\"line\\nbreak\"} 0.5\n"
        "# HELP dl_h H.\n# TYPE dl_h histogram\n"
        "dl_h_bucket{le=\"0.1\"} 3\ndl_h_bucket{le=\"1\"} 5\ndl_h_bucket{le=\"+Inf\"} 6\n"
        "dl_h_sum 4.25\ndl_h_count 6\n");
  server::Stats stats;
  stats.jobs_submitted = 5;
  stats.commit_seconds.observe(0.002);
  CHECK(metrics_of(stats).find("\ndl_jobs_submitted_total 5\n") != std::string::npos);
  CHECK(metrics_of(stats).find("dl_commit_seconds_bucket{le=\"0.0025\"} 1\n") != std::string::npos);
  dl::v1::Cluster cluster;
  cluster.set_nodes_ready(14);
  cluster.set_trials_running(3);
  CHECK(metrics_of(cluster).find("dl_nodes{state=\"ready\"} 14\n") != std::string::npos);
  CHECK(metrics_of(cluster).find("dl_trials{state=\"running\"} 3\n") != std::string::npos);
}

}  // namespace
}  // namespace dl::runtime::http
