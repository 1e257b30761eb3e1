// dlctl status: the cluster at a glance, or one job in full.

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/cluster_view.h"
#include "cmd/dlctl/view/job_text.h"
#include "cmd/dlctl/view/job_view.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string job;
  bool watch = false;
};

// All that live, and the few that ended last: what one wants to know when one looks.
v1::ListJobsResponse live_and_recent(const v1::ListJobsResponse& jobs) {
  constexpr int kEndedShown = 5;
  v1::ListJobsResponse shown;
  int ended = 0;
  for (const auto& job : jobs.jobs()) {
    if (!is_terminal(job.state()) || ended++ < kEndedShown) *shown.add_jobs() = job;
  }
  return shown;
}

Result<std::string> render_all(Invocation& run) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const v1::Cluster cluster, client->get_cluster());
  DL_TRY(const v1::ListNodesResponse nodes, client->list_nodes());
  DL_TRY(const v1::ListJobsResponse all, client->list_jobs("", 200));
  const auto jobs = live_and_recent(all);
  if (run.structured()) {
    return run.document_text(boost::json::object{{"cluster", to_document(cluster)},
                                                 {"jobs", to_items(jobs.jobs()).at("items")}});
  }
  const Timestamp now = run.host().now();
  std::string text = render_cluster(cluster, nodes, now, run.out_terminal());
  if (jobs.jobs_size() == 0) {
    return text + "No jobs yet; `dlctl submit FILE` starts one.\n";
  }
  return text + "\n" + render_jobs(jobs, now, run.table_options());
}

Result<std::string> render_one(Invocation& run, const std::string& reference) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string id, resolve_job(*client, reference));
  DL_TRY(const v1::Job job, client->get_job(id));
  if (run.structured()) return run.document_text(to_document(job));
  return render_job(job, run.host().now(), run.table_options());
}

}  // namespace

Verb status_verb() {
  return {.name = "status",
          .summary = "Show the cluster at a glance, or one job in full",
          .description =
              "Without JOB: the coordinator, the nodes, all live jobs and the five that "
              "ended last. With JOB: its progress, tasks, last failure and artifacts.",
          .examples = {{"dlctl status", "the cluster and its jobs"},
                       {"dlctl status 42", "one job with its tasks"},
                       {"dlctl status --watch", "kept up to date until Ctrl-C"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->job, "Number or name of a job, or latest");
            app.add_flag("-w,--watch", flags->watch, "Keep up to date until Ctrl-C");
            return [flags](Invocation& run) {
              return run.show(flags->watch, [&run, flags] {
                return flags->job.empty() ? render_all(run) : render_one(run, flags->job);
              });
            };
          }};
}

}  // namespace dl::dlctl
