// dlctl jobs: the jobs, newest first.

#include "base/nearest.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_view.h"
#include "model/job.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string state;
  std::size_t limit = 100;
  bool watch = false;
};

Result<std::string> render(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const v1::ListJobsResponse jobs, client->list_jobs(flags.state, flags.limit));
  if (run.structured()) return run.document_text(to_items(jobs.jobs()));
  return render_jobs(jobs, run.host().now(), run.table_options());
}

Result<ExitCode> list(Invocation& run, const Flags& flags) {
  if (!flags.state.empty() && !job_state_from_string(flags.state)) {
    const std::vector<std::string> words = {"queued",    "running", "stopping",
                                            "succeeded", "failed",  "cancelled"};
    return invalid_argument("--state: there is no state \"" + flags.state + "\"" +
                            did_you_mean(flags.state, words) +
                            "; states are queued, running, stopping, succeeded, failed, cancelled");
  }
  return run.show(flags.watch, [&] { return render(run, flags); });
}

}  // namespace

Verb jobs_verb() {
  return {.name = "jobs",
          .summary = "List jobs, newest first",
          .description = "",
          .examples = {{"dlctl jobs", "the newest hundred"},
                       {"dlctl jobs --state running --watch", "what runs, kept up to date"},
                       {"dlctl jobs -o json | jq -r '.items[].name'", "for programs"}},
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("--state", flags->state, "Only jobs in this state")->type_name("STATE");
            app.add_option("--limit", flags->limit, "At most so many, 0 for all; 100 by default")
                ->type_name("N");
            app.add_flag("-w,--watch", flags->watch, "Keep up to date until Ctrl-C");
            return [flags](Invocation& run) { return list(run, *flags); };
          }};
}

}  // namespace dl::dlctl
