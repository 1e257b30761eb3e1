// dlctl trials: what a search tried, and what came of it.

#include <boost/json.hpp>

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string job;
  TrialQuery query;
  bool wide = false;
  bool watch = false;
};

Result<std::string> render(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string id, resolve_job(*client, flags.job));
  DL_TRY(const SearchResults results, load_results(*client, id, WithCourses::kNo));
  DL_TRY(const auto trials, select_trials(results, flags.query));
  if (run.structured()) {
    boost::json::array items;
    for (const TrialResult* trial : trials) items.push_back(to_document(trial->trial));
    return run.document_text(
        boost::json::object{{"search", to_document(results.status)}, {"items", std::move(items)}});
  }
  TableOptions options = run.table_options();
  if (flags.wide) {
    options.wide = true;
    options.terminal.width = 0;
  }
  const std::string head = options.headers ? search_headline(results, options.terminal) + "\n" : "";
  return head + render_trials(results, trials, options);
}

}  // namespace

Verb trials_verb() {
  return {
      .name = "trials",
      .summary = "Show the trials of a search with their values and objectives",
      .description =
          "The best come first; a star marks the best trial, or the Pareto front of several "
          "objectives. --sort and --filter take number, state, time, from, attempts, the budget's "
          "unit (epochs, steps, reports), objectives, parameters and metrics, by their whole name "
          "or its last word. A filter compares, as in \"learning_rate < 0.01\" or \"optimizer == "
          "'adam'\"; a trial that lacks what it names does not pass.",
      .examples = {{"dlctl trials 42", "the best first"},
                   {"dlctl trials 42 --top 10 --sort -time", "the ten that took longest"},
                   {"dlctl trials 42 --state failed --wide", "what went wrong"},
                   {"dlctl trials 42 --filter \"batch_size >= 64\" --filter \"accuracy > 0.9\"",
                    "only those"},
                   {"dlctl trials 42 -o json | jq '.items[].parameters'", "for programs"}},
      .completes = Completion::kJob,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<Flags>();
        app.add_option("JOB", flags->job, "Number or name of a job, or latest")->required();
        app.add_option("--sort", flags->query.sort, "By this, rising; -KEY falling")
            ->type_name("KEY");
        app.add_option("--filter", flags->query.filters,
                       "Only trials for which this holds; may be repeated")
            ->type_name("EXPR")
            ->allow_extra_args(false);
        app.add_option("--state", flags->query.state, "Only trials in this state")
            ->type_name("STATE");
        app.add_option("--top", flags->query.top, "Only the first so many")->type_name("N");
        app.add_flag("--wide", flags->wide, "All columns, however long the lines; as -o wide");
        app.add_flag("-w,--watch", flags->watch, "Keep up to date until Ctrl-C");
        return [flags](Invocation& run) {
          return run.show(flags->watch, [&run, flags] { return render(run, *flags); });
        };
      }};
}

}  // namespace dl::dlctl
