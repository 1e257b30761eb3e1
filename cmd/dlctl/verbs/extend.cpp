// dlctl extend: more trials for a search, and more at once.

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string job;
  std::uint32_t trials = 0;
  std::uint32_t max_parallel = 0;
};

Result<ExitCode> extend(Invocation& run, const Flags& flags) {
  if (flags.trials == 0 && flags.max_parallel == 0) {
    return invalid_argument(
        "nothing to extend: give --trials N for so many more, or --max-parallel N for so many at "
        "once");
  }
  DL_TRY(Client * client, run.client());
  v1::ExtendSearchRequest request;
  DL_TRY(*request.mutable_job(), resolve_job(*client, flags.job));
  request.set_trials(flags.trials);
  request.set_max_parallel(flags.max_parallel);
  DL_CHECK(client->extend_search(request));
  DL_TRY(const v1::Job job, client->get_job(request.job()));
  if (run.structured()) {
    run.print(to_document(job));
  } else {
    run.host().out << "Job " << job.id() << " (" << one_line(job.name()) << ") may try "
                   << job.search().max_trials() << " trials, " << job.search().max_parallel()
                   << " at once: " << search_text(job.search()) << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

Verb extend_verb() {
  return {.name = "extend",
          .summary = "Give a search more trials, or more at once",
          .description = "The search has not ended. What it has learned so far stays.",
          .examples = {{"dlctl extend 42 --trials 24", "24 trials more"},
                       {"dlctl extend 42 --max-parallel 8", "eight at once from now on"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->job, "Number or name of a job, or latest")->required();
            app.add_option("--trials", flags->trials, "So many trials more")->type_name("N");
            app.add_option("--max-parallel", flags->max_parallel, "So many trials at once")
                ->type_name("N");
            return [flags](Invocation& run) { return extend(run, *flags); };
          }};
}

}  // namespace dl::dlctl
