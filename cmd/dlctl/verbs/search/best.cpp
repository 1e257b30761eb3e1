// dlctl best: the best trial of a search, and how to have it again.

#include <boost/json.hpp>

#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/results/report_view.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/submit_document.h"
#include "cmd/dlctl/verb.h"
#include "model/spec/parse.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string job;
  std::uint32_t trial = 0;
  bool spec = false;
  bool submit = false;
  std::vector<std::string> set;
};

std::string numbers_text(const std::vector<const TrialResult*>& trials) {
  std::string text;
  for (const TrialResult* trial : trials)
    text += (text.empty() ? "" : ", ") + std::to_string(trial->trial.number());
  return text;
}

// The one asked for, else the best; nothing when several are.
Result<const TrialResult*> chosen(const SearchResults& results, const Flags& flags) {
  const std::string id = std::to_string(results.job.id());
  if (flags.trial != 0) {
    if (const TrialResult* trial = results.find(flags.trial)) return trial;
    return not_found("job " + id + " has no trial " + std::to_string(flags.trial) + "; it has " +
                     std::to_string(results.trials.size()) + ", which `dlctl trials " + id +
                     "` lists");
  }
  const auto best = results.best();
  if (best.empty()) {
    return Error{Code::kFailedPrecondition, "no trial of job " + id +
                                                " has reported its objective yet, so none is the "
                                                "best; `dlctl trials " +
                                                id + "` shows those that run"};
  }
  if (best.size() == 1) return best.front();
  if (flags.spec || flags.submit) {
    return invalid_argument("job " + id + " has " + std::to_string(best.size()) +
                            " best trials, none of which beats another in every objective; "
                            "choose one with --trial: " +
                            numbers_text(best));
  }
  return static_cast<const TrialResult*>(nullptr);
}

Result<ExitCode> show_front(Invocation& run, const SearchResults& results) {
  if (run.structured()) {
    boost::json::array items;
    for (const TrialResult* trial : results.best()) items.push_back(to_document(trial->trial));
    run.print(
        boost::json::object{{"hypervolume", hypervolume_of(results)}, {"items", std::move(items)}});
    return ExitCode::kOk;
  }
  run.host().out << render_front(results, run.table_options()) << std::flush;
  run.say("One of them: dlctl best " + std::to_string(results.job.id()) + " --trial N");
  return ExitCode::kOk;
}

Result<ExitCode> best(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  DL_TRY(const std::string id, resolve_job(*client, flags.job));
  DL_TRY(const SearchResults results, load_results(*client, id, WithCourses::kNo));
  DL_TRY(const TrialResult* trial, chosen(results, flags));
  if (trial == nullptr) return show_front(run, results);
  DL_TRY(const v1::SearchTrial detail,
         client->get_trial(id, std::to_string(trial->trial.number())));
  if (flags.spec || flags.submit) {
    const bool json = flags.spec && run.flags().output == "json";
    const auto changed = spec::convert(detail.spec(), flags.set,
                                       json ? spec::Language::kJson : spec::Language::kYaml);
    if (!changed.parsed.spec) {
      run.host().err << spec::to_string(changed.parsed.problems, "--set") << std::flush;
      return ExitCode::kBadSpec;
    }
    if (flags.spec) {
      if (json) {
        run.print(boost::json::parse(changed.text));
      } else {
        run.host().out << changed.text << std::flush;
      }
      return ExitCode::kOk;
    }
    DL_TRY(const v1::SubmitJobResponse job, submit_document(run, changed.text, {}));
    announce_job(run, job);
    return ExitCode::kOk;
  }
  if (run.structured()) {
    run.print(to_document(detail));
  } else {
    run.host().out << render_trial(results, *trial, detail, run.table_options());
  }
  return ExitCode::kOk;
}

}  // namespace

Verb best_verb() {
  return {.name = "best",
          .summary = "Show the best trial of a search, or run it again",
          .description =
              "Its values beside the defaults, and where its model is. With several objectives: "
              "the Pareto front, of which --trial chooses. The spec has the trial's values in "
              "their places and no search, and rebuilds the model.",
          .examples = {{"dlctl best 42", "what won, and where it is"},
                       {"dlctl best 42 --spec >best.yaml", "the spec that rebuilds it"},
                       {"dlctl best 42 --submit", "rebuild it now"},
                       {"dlctl best 42 --submit --set train.epochs=50 --set name=final",
                        "and train it longer"},
                       {"dlctl best 42 --trial 7", "another trial"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->job, "Number or name of a job, or latest")->required();
            app.add_option("--trial", flags->trial, "This trial, not the best")->type_name("N");
            auto* spec = app.add_flag("--spec", flags->spec,
                                      "Print its spec, as YAML or with -o json as JSON");
            app.add_flag("--submit", flags->submit, "Submit its spec")->excludes(spec);
            app.add_option("--set", flags->set,
                           "Set a key of the spec, with --spec or --submit; may be repeated")
                ->type_name("KEY=VALUE")
                ->allow_extra_args(false);
            return [flags](Invocation& run) { return best(run, *flags); };
          }};
}

}  // namespace dl::dlctl
