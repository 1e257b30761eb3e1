// dlctl wait: return when jobs have ended, with the exit code of how.

#include "cmd/dlctl/wait.h"

#include "base/quantity.h"
#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_view.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::vector<std::string> jobs;
  std::string timeout;
};

Result<ExitCode> wait(Invocation& run, const Flags& flags) {
  std::optional<Duration> limit;
  if (!flags.timeout.empty()) {
    DL_TRY(limit, parse_duration(flags.timeout));
  }
  DL_TRY(Client * client, run.client());
  std::vector<std::string> ids;
  for (const auto& reference : flags.jobs) {
    DL_TRY(ids.emplace_back(), resolve_job(*client, reference));
  }
  DL_TRY(const Ended ended, wait_until_ended(run, ids, limit));
  if (run.structured()) {
    run.print(to_items(ended.jobs));
    return ended.exit_code();
  }
  for (const auto& job : ended.jobs) {
    if (is_terminal(job.state())) {
      run.host().out << render_outcome(job, run.out_terminal());
    } else {
      run.say("Job " + std::to_string(job.id()) + " is still " + word_of(job.state()) +
              "; it goes on.");
    }
  }
  return ended.exit_code();
}

}  // namespace

Verb wait_verb() {
  return {.name = "wait",
          .summary = "Wait until jobs have ended",
          .description =
              "The exit code says how the first job that did not succeed ended. A "
              "restart of the coordinator is waited for.",
          .examples = {{"dlctl wait 42", "return when job 42 has ended"},
                       {"dlctl wait 42 43 --timeout 30m", "exit code 8 after half an hour"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->jobs, "Numbers or names of jobs, or latest")->required();
            app.add_option("--timeout", flags->timeout, "Give up after this time, as in 30m")
                ->type_name("TIME");
            return [flags](Invocation& run) { return wait(run, *flags); };
          }};
}

}  // namespace dl::dlctl
