// dlctl explain: why a job is in the state it is in.

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

Result<ExitCode> explain(Invocation& run, const std::string& reference) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string job, resolve_job(*client, reference));
  DL_TRY(const v1::Explanation explanation, client->explain_job(job));
  if (run.structured()) {
    run.print(to_document(explanation));
    return ExitCode::kOk;
  }
  const bool color = run.out_terminal().color;
  auto& out = run.host().out;
  out << styled("Job " + job + " " + one_line(explanation.reason()), Style::kBold, color) << "\n";
  for (const auto& evidence : explanation.evidence()) out << "  - " << one_line(evidence) << "\n";
  if (!explanation.next_step().empty()) {
    out << styled("Next:", Style::kBold, color) << " " << one_line(explanation.next_step()) << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace

Verb explain_verb() {
  return {.name = "explain",
          .summary = "Say why a job waits, runs or failed",
          .description = "One dominant reason, the evidence for it, and the next step.",
          .examples = {{"dlctl explain 42", "why job 42 is in its state"},
                       {"dlctl explain latest -o json", "the same for programs"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto job = std::make_shared<std::string>();
            app.add_option("JOB", *job, "Number or name of a job, or latest")->required();
            return [job](Invocation& run) { return explain(run, *job); };
          }};
}

}  // namespace dl::dlctl
