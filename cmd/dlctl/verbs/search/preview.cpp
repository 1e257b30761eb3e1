// dlctl preview: what a search would try and spend, before it is submitted.

#include <algorithm>

#include "base/quantity.h"
#include "cmd/dlctl/document_file.h"
#include "cmd/dlctl/results/forecast_view.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  DocumentFlags document;
  std::string unit_time;
  std::size_t first = 5;
};

Result<ExitCode> preview(Invocation& run, const Flags& flags) {
  DL_TRY(const DocumentFile document, read_document(run.host(), flags.document.file));
  const auto parsed = spec::parse(document.text, flags.document.set);
  if (!accept(run.host(), document, parsed)) return ExitCode::kBadSpec;
  const JobSpec& job = *parsed.spec;
  if (!job.search) {
    return invalid_argument(document.name +
                            " has no search: the job runs once; give it a `search` block "
                            "(docs/search.md), or `dlctl submit` it");
  }
  Preview preview{.job = job,
                  .forecast = scheduler::forecast(job),
                  .first = scheduler::first_suggestions(job, flags.first),
                  .unit_time = std::nullopt};
  if (!flags.unit_time.empty()) {
    DL_TRY(preview.unit_time, parse_duration(flags.unit_time));
  }
  if (run.structured()) {
    run.print(preview_document(preview));
  } else {
    run.host().out << render_preview(preview, run.table_options()) << std::flush;
  }
  return ExitCode::kOk;
}

}  // namespace

Verb preview_verb() {
  return {
      .name = "preview",
      .summary = "Say what a search would try first and what it would spend, offline",
      .description =
          "Takes documents of all dialects. The spending is that of the search's own rungs and "
          "early stopping, simulated over trials whose results come in random order, beside "
          "what all trials to their end would spend.",
      .examples = {{"dlctl preview job.yaml", "how many epochs will it be?"},
                   {"dlctl preview job.yaml --unit-time 40s", "and how long, at 40 s an epoch?"},
                   {"dlctl preview job.yaml --set search.algorithm=hyperband",
                    "what would another algorithm do?"}},
      .completes = Completion::kFile,
      .setup = [](CLI::App& app) -> Action {
        auto flags = std::make_shared<Flags>();
        add_document_flags(app, flags->document);
        app.add_option("--unit-time", flags->unit_time,
                       "How long a trial takes for an epoch, or what its budget is counted in")
            ->type_name("DURATION");
        app.add_option("--first", flags->first, "So many of the first trials; 5 by default")
            ->type_name("N");
        return [flags](Invocation& run) { return preview(run, *flags); };
      }};
}

}  // namespace dl::dlctl
