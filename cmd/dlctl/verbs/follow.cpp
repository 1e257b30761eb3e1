// dlctl follow: what submit --follow shows, for a job that is there already.

#include "cmd/dlctl/follow.h"

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

Result<ExitCode> follow(Invocation& run, const std::string& reference) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string id, resolve_job(*client, reference));
  return follow_job(run, id);
}

}  // namespace

Verb follow_verb() {
  return {.name = "follow",
          .summary = "Show a job's story and progress until it has ended",
          .description = "The exit code says how it ended. Ctrl-C detaches; the job goes on.",
          .examples = {{"dlctl follow 42", "from its beginning until its end"},
                       {"dlctl follow latest", "the newest job"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto job = std::make_shared<std::string>();
            app.add_option("JOB", *job, "Number or name of a job, or latest")->required();
            return [job](Invocation& run) { return follow(run, *job); };
          }};
}

}  // namespace dl::dlctl
