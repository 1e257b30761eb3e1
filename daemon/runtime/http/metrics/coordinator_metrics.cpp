#include "daemon/runtime/http/metrics/coordinator_metrics.h"

#include "daemon/runtime/http/metrics/metrics_text.h"

namespace dl::runtime::http {
namespace {

template <class Histogram>
void add_histogram(MetricsText& text, std::string_view name, std::string_view help,
                   const Histogram& histogram) {
  std::array<std::uint64_t, Histogram::kBuckets> counts{};
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = histogram.bucket(i);
  text.histogram(name, help, Histogram::bounds(), counts, histogram.sum());
}

// A gauge family whose samples differ in one label.
void add_states(MetricsText& text, std::string_view name, std::string_view help,
                std::string_view label,
                std::initializer_list<std::pair<const char*, std::uint32_t>> states) {
  text.family(name, "gauge", help);
  for (const auto& [state, count] : states) {
    text.sample(name, {{std::string(label), state}}, count);
  }
}

}  // namespace

std::string metrics_of(const server::Stats& stats) {
  MetricsText text;
  const auto value = [](const auto& number) {
    return static_cast<double>(number.load(std::memory_order_relaxed));
  };
  text.counter("dl_events_total", "Events taken by the control thread.", value(stats.events));
  text.counter("dl_steps_total", "Steps of the control thread.", value(stats.steps));
  text.counter("dl_commits_total", "Commits of the journal.", value(stats.commits));
  text.counter("dl_commit_failures_total", "Commits of the journal that failed.",
               value(stats.commits_failed));
  text.counter("dl_mutations_total", "Mutations committed.", value(stats.mutations));
  text.counter("dl_snapshots_total", "Snapshots of the state.", value(stats.snapshots));
  text.counter("dl_jobs_submitted_total", "Submits acknowledged.", value(stats.jobs_submitted));
  text.gauge("dl_event_queue_depth", "Events that wait for the next step.",
             value(stats.queue_depth));
  text.gauge("dl_agents_connected", "Agents with an open stream.", value(stats.agents_connected));
  add_histogram(text, "dl_step_events", "Events in one step.", stats.batch_events);
  add_histogram(text, "dl_commit_seconds", "From a batch to stable storage.", stats.commit_seconds);
  add_histogram(text, "dl_step_seconds", "Decisions, commit and effects of one step.",
                stats.step_seconds);
  return text.text();
}

std::string metrics_of(const dl::v1::Cluster& cluster) {
  MetricsText text;
  add_states(text, "dl_nodes", "Nodes by state.", "state",
             {{"ready", cluster.nodes_ready()},
              {"draining", cluster.nodes_draining()},
              {"disconnected", cluster.nodes_disconnected()},
              {"lost", cluster.nodes_lost()}});
  add_states(text, "dl_jobs", "Live jobs by state.", "state",
             {{"queued", cluster.jobs_queued()}, {"running", cluster.jobs_running()}});
  add_states(text, "dl_trials", "Trials by state, one of each job without a search.", "state",
             {{"queued", cluster.trials_queued()}, {"running", cluster.trials_running()}});
  text.gauge("dl_gpus", "GPUs of the cluster.", cluster.gpus_total());
  text.gauge("dl_gpus_used", "GPUs that tasks hold.", cluster.gpus_used());
  text.gauge("dl_cpus", "CPUs of the cluster.", cluster.cpus_total());
  text.gauge("dl_cpus_used", "CPUs that tasks hold.", cluster.cpus_used());
  text.gauge("dl_journal_bytes", "Size of the journal's database.",
             static_cast<double>(cluster.journal_bytes()));
  text.gauge("dl_read_only", "1 when nothing can be committed.",
             cluster.read_only_reason().empty() ? 0 : 1);
  text.gauge("dl_start_time_seconds", "When the coordinator started, Unix time.",
             static_cast<double>(cluster.start_time().seconds()));
  return text.text();
}

}  // namespace dl::runtime::http
