// dlctl metrics: what a job measured.

#include <algorithm>

#include "base/nearest.h"
#include "cmd/dlctl/client/job_reference.h"
#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/terminal/curve.h"
#include "cmd/dlctl/verb.h"

namespace dl::dlctl {
namespace {

struct Flags {
  std::string job;
  std::string name;
  std::uint32_t trial = 0;
  bool watch = false;
};

std::string render_table(const v1::ListMetricsResponse& metrics, const TableOptions& options) {
  Table table({{.header = "METRIC", .cut_to = 16},
               {.header = "TRIAL", .right = true, .wide_only = true},
               {.header = "LAST", .right = true},
               {.header = "MIN", .right = true},
               {.header = "MAX", .right = true},
               {.header = "STEP", .right = true},
               {.header = "POINTS", .right = true, .drop_order = 1}});
  for (const auto& series : metrics.series()) {
    if (series.points_size() == 0) continue;
    const auto [low, high] =
        std::minmax_element(series.points().begin(), series.points().end(),
                            [](const auto& a, const auto& b) { return a.value() < b.value(); });
    const auto& last = series.points(series.points_size() - 1);
    table.add_row({{series.name()},
                   {std::to_string(series.trial())},
                   {short_number(last.value())},
                   {short_number(low->value())},
                   {short_number(high->value())},
                   {with_commas(last.step())},
                   {with_commas(static_cast<std::uint64_t>(series.points_size()))}});
  }
  return table.render(options);
}

// At most `rows` of the points, evenly chosen, the last one among them.
std::string render_values(const v1::MetricSeries& series, int rows, const TableOptions& options) {
  Table table({{.header = "STEP", .right = true}, {.header = "VALUE", .right = true}});
  const int count = series.points_size();
  const int shown = std::min(rows, count);
  for (int i = 0; i < shown; ++i) {
    const int at =
        shown == 1 ? count - 1 : static_cast<int>(std::int64_t{i} * (count - 1) / (shown - 1));
    table.add_row(
        {{with_commas(series.points(at).step())}, {short_number(series.points(at).value())}});
  }
  return table.render(options);
}

std::string render_series(const v1::MetricSeries& series, const TableOptions& options) {
  std::vector<CurvePoint> points;
  for (const auto& point : series.points()) {
    points.push_back({static_cast<double>(point.step()), point.value()});
  }
  const std::size_t width =
      options.terminal.width == 0 ? 80 : std::min<std::size_t>(options.terminal.width, 80);
  return styled(one_line(series.name()), Style::kBold, options.terminal.color) + "\n" +
         curve(points, width - 1, 8, options.terminal.unicode) + "\n" +
         render_values(series, options.wide ? series.points_size() : 10, options);
}

Result<std::string> render(Invocation& run, const Flags& flags) {
  DL_TRY(Client * client, run.client());
  v1::ListMetricsRequest request;
  DL_TRY(*request.mutable_job(), resolve_job(*client, flags.job));
  request.set_trial(flags.trial);
  DL_TRY(v1::ListMetricsResponse metrics, client->list_metrics(request));
  std::vector<std::string> names;
  for (const auto& series : metrics.series()) names.push_back(series.name());
  if (!flags.name.empty() && std::find(names.begin(), names.end(), flags.name) == names.end()) {
    return not_found("job " + flags.job + " has no metric \"" + flags.name + "\"" +
                     did_you_mean(flags.name, names) + "; `dlctl metrics " + flags.job +
                     "` lists what it has");
  }
  if (!flags.name.empty()) {
    auto& all = *metrics.mutable_series();
    all.erase(std::remove_if(all.begin(), all.end(),
                             [&](const auto& series) { return series.name() != flags.name; }),
              all.end());
  }
  if (run.structured()) return run.document_text(to_items(metrics.series()));
  if (metrics.series_size() == 0) run.say("Job " + flags.job + " has measured nothing yet.");
  if (flags.name.empty()) return render_table(metrics, run.table_options());
  std::string text;
  for (const auto& series : metrics.series()) {
    text += (text.empty() ? "" : "\n") + render_series(series, run.table_options());
  }
  return text;
}

}  // namespace

Verb metrics_verb() {
  return {.name = "metrics",
          .summary = "Show what a job measured",
          .description =
              "Without NAME the last value of each metric; with NAME its course as a "
              "curve and ten of its values (-o wide: all).",
          .examples = {{"dlctl metrics 42", "a row for each metric"},
                       {"dlctl metrics 42 train.loss", "the curve of one"},
                       {"dlctl metrics 42 train.loss -o json", "its points, for programs"}},
          .completes = Completion::kJob,
          .setup = [](CLI::App& app) -> Action {
            auto flags = std::make_shared<Flags>();
            app.add_option("JOB", flags->job, "Number or name of a job, or latest")->required();
            app.add_option("NAME", flags->name, "A metric, as in validation.accuracy");
            app.add_option("--trial", flags->trial, "Only of this trial")->type_name("N");
            app.add_flag("-w,--watch", flags->watch, "Keep up to date until Ctrl-C");
            return [flags](Invocation& run) {
              return run.show(flags->watch, [&run, flags] { return render(run, *flags); });
            };
          }};
}

}  // namespace dl::dlctl
