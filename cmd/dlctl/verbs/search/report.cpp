// dlctl report: what a search found, at a glance or as a page.

#include <cerrno>
#include <fstream>

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/report/page.h"
#include "cmd/dlctl/results/report_view.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string job;
  std::string html;
};

Result<void> write_page(Invocation& run, Client& client, const SearchResults& results,
                        const std::string& file) {
  std::string spec;
  const auto best = results.best();
  if (!best.empty()) {
    DL_TRY(const v1::SearchTrial detail,
           client.get_trial(std::to_string(results.job.id()),
                            std::to_string(best.front()->trial.number())));
    spec = detail.spec();
  }
  const std::string page = report_page(results, spec, run.host().now());
  if (file == "-") {
    run.host().out << page << std::flush;
    return {};
  }
  std::ofstream out(file, std::ios::binary);
  out << page << std::flush;
  if (!out) return errno_error("cannot write " + file, errno);
  run.say("Wrote " + file + "; open it in a browser.");
  return {};
}

Result<ExitCode> report(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string id, resolve_job(*client, flags.job));
  DL_TRY(const SearchResults results, load_results(*client, id, WithCourses::kYes));
  if (!flags.html.empty()) {
    DL_CHECK(write_page(run, *client, results, flags.html));
  } else if (run.structured()) {
    run.print(report_document(results));
  } else {
    run.host().out << render_report(results, run.table_options()) << std::flush;
  }
  return ExitCode::kOk;
}

}  // namespace

Verb report_verb() {
  return {.name = "report",
          .summary = "Show what a search found, or write it as a page for the browser",
          .description =
              "The best so far, how much each parameter mattered, and the best trials or the "
              "Pareto front. --html writes one file that loads nothing: with the learning curves, "
              "parallel coordinates, slices, all trials and the spec of the best.",
          .examples = {{"dlctl report 42", "on the terminal"},
                       {"dlctl report 42 --html report.html", "to keep, or to send"},
                       {"dlctl report 42 -o json | jq .importance", "for programs"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->job, "Number or name of a job, or latest")->required();
            app.add_option("--html", flags->html, "Write the page here; - for stdout")
                ->type_name("FILE");
            return [flags](Invocation& run) { return report(run, *flags); };
          }};
}

}  // namespace dl::dlctl
