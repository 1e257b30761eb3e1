// dlctl pause and resume: a search starts no more trials, or starts them again.

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::vector<std::string> jobs;
};

Result<ExitCode> change(Invocation& run, const Flags& flags, bool pause) {
  DL_TRY(Client * client, run.client());
  boost::json::array items;
  for (const auto& reference : flags.jobs) {
    DL_TRY(const std::string id, resolve_job(*client, reference));
    if (pause) {
      DL_CHECK(client->pause_search(id, run.host().env("USER").value_or("")));
    } else {
      DL_CHECK(client->resume_search(id));
    }
    DL_TRY(const v1::Job job, client->get_job(id));
    if (run.structured()) {
      items.push_back(to_document(job));
    } else {
      run.host().out << "Job " << job.id() << " (" << one_line(job.name()) << ") "
                     << (pause ? "starts no more trials" : "starts trials again") << ": "
                     << search_text(job.search()) << "\n";
    }
  }
  if (run.structured()) run.print(boost::json::object{{"items", std::move(items)}});
  return ExitCode::kOk;
}

template <bool kPause>
Action setup(CLI::App& app) {
  auto flags = std::make_shared<Flags>();
  app.add_option("JOB", flags->jobs, "Numbers or names of jobs, or latest")->required();
  return [flags](Invocation& run) { return change(run, *flags, kPause); };
}

}  // namespace

Verb pause_verb() {
  return {.name = "pause",
          .summary = "Let a search start no more trials",
          .description =
              "Trials that run go on to their end. The search stays as it is, also when the "
              "coordinator is restarted, until `dlctl resume`.",
          .examples = {{"dlctl pause 42", "no more trials of job 42 for now"}},
          .completes = Completion::kJob,
          .setup = setup<true>};
}

Verb resume_verb() {
  return {.name = "resume",
          .summary = "Let a paused search start trials again",
          .description = "",
          .examples = {{"dlctl resume 42", "job 42 goes on where it was"}},
          .completes = Completion::kJob,
          .setup = setup<false>};
}

}  // namespace dl::dlctl
