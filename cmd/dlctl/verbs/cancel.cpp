// dlctl cancel: stop jobs.

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/wait.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::vector<std::string> jobs;
  bool kill = false;
  bool wait = false;
};

Result<ExitCode> cancel(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  std::vector<std::string> ids;
  for (const auto& reference : flags.jobs) {
    DL_TRY(const std::string id, resolve_job(*client, reference));
    DL_CHECK(client->cancel_job(id, flags.kill));
    ids.push_back(id);
  }
  if (flags.wait) {
    // That they are cancelled is what was asked for.
    DL_TRY(const auto ended, wait_until_ended(run, ids, std::nullopt));
    if (!ended.all()) return ended.interrupted ? ExitCode::kInterrupted : ExitCode::kTimedOut;
  }
  boost::json::array items;
  for (const auto& id : ids) {
    DL_TRY(const v1::Job job, client->get_job(id));
    if (run.structured()) {
      items.push_back(to_document(job));
    } else {
      run.host().out << "Job " << job.id() << " (" << one_line(job.name()) << ") is "
                     << word_of(job.state()) << "\n";
    }
  }
  if (run.structured()) run.print(boost::json::object{{"items", std::move(items)}});
  return ExitCode::kOk;
}

}  // namespace

Verb cancel_verb() {
  return {.name = "cancel",
          .summary = "Stop jobs",
          .description =
              "Every task gets SIGTERM, then SIGKILL when the job's grace time is over. "
              "Cancelling a job that is being cancelled changes nothing.",
          .examples = {{"dlctl cancel 42", "stop job 42; checkpoints stay"},
                       {"dlctl cancel latest --kill --wait", "at once, and wait until it is gone"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->jobs, "Numbers or names of jobs, or latest")->required();
            app.add_flag("--kill", flags->kill, "SIGKILL at once, without a grace time");
            app.add_flag("--wait", flags->wait, "Return when the jobs have ended");
            return [flags](Invocation& run) { return cancel(run, *flags); };
          }};
}

}  // namespace dl::dlctl
