// dlctl compare: jobs side by side.

#include "base/nearest.h"
#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/results/comparison.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::vector<std::string> jobs;
  std::string over = "resource";
};

Result<scheduler::Spending> spending_of(const std::string& over) {
  if (over == "resource") return scheduler::Spending::kResource;
  if (over == "trials") return scheduler::Spending::kTrials;
  if (over == "time") return scheduler::Spending::kSeconds;
  const std::vector<std::string> words = {"resource", "trials", "time"};
  return invalid_argument("--over: there is no \"" + over + "\"" + did_you_mean(over, words) +
                          "; curves are drawn over resource, trials or time");
}

Result<ExitCode> compare(Invocation& run, const Flags& flags) {
  DL_TRY(const scheduler::Spending spending, spending_of(flags.over));
  DL_TRY(Client * client, run.client());
  std::vector<std::string> ids;
  for (const std::string& reference : flags.jobs) {
    DL_TRY(ids.emplace_back(), resolve_job(*client, reference));
  }
  DL_TRY(const Comparison comparison, load_comparison(*client, ids, run.host().now()));
  if (run.structured()) {
    run.print(to_document(comparison));
  } else {
    run.host().out << render_comparison(comparison, spending, run.table_options()) << std::flush;
  }
  return ExitCode::kOk;
}

}  // namespace

Verb compare_verb() {
  return {.name = "compare",
          .summary = "Show jobs side by side: the best of each, what it took, and the courses",
          .description =
              "Searches, and jobs without one, which count as a trial. All are compared by the "
              "first objective of the first search among them. Below the figures the best so far "
              "of each is drawn over what was spent for it.",
          .examples = {{"dlctl compare 42 43", "which search found more?"},
                       {"dlctl compare 42 43 --over time", "which was faster?"},
                       {"dlctl compare 42 by-hand", "was it worth it?"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->jobs, "Numbers or names of jobs, or latest")->required();
            app.add_option("--over", flags->over,
                           "resource (epochs or steps of all trials), trials or time; resource by "
                           "default")
                ->type_name("WORD");
            return [flags](Invocation& run) { return compare(run, *flags); };
          }};
}

}  // namespace dl::dlctl
