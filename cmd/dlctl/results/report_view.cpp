#include "cmd/dlctl/results/report_view.h"

#include <boost/json.hpp>

#include "cmd/dlctl/output/document.h"
#include "cmd/dlctl/results/comparison.h"
#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/terminal/curve.h"
#include "cmd/dlctl/terminal/progress_line.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

constexpr std::size_t kTrialsShown = 5;

std::vector<scheduler::Best> best_steps(const SearchResults& results) {
  return scheduler::best_so_far(results.courses, scheduler::Spending::kResource,
                                results.objectives().front().maximizes());
}

std::string title(const std::string& text, const Terminal& terminal) {
  return "\n" + styled(text, Style::kBold, terminal.color) + "\n";
}

}  // namespace

std::string render_front(const SearchResults& results, const TableOptions& options) {
  const auto best = results.best();
  return render_trials(results, best, options) + "\n" + std::to_string(best.size()) +
         " trials are better than all others in some trade; together "
         "they cover a hypervolume of " +
         short_number(hypervolume_of(results)) + " from the worst values seen.\n";
}

std::string render_importance(const SearchResults& results, const ImportanceReport& importance,
                              const Terminal& terminal) {
  std::size_t width = 0;
  double sum = 0;
  for (const auto& entry : importance.parameters) {
    width = std::max(width, display_width(one_line(entry.parameter)));
    sum += entry.share;
  }
  constexpr std::size_t kBar = 20;
  const auto line = [&](const std::string& name, double share, const std::string& note) {
    return "  " + pad_right(one_line(name), width) + "  " + bar(share, kBar, terminal.unicode) +
           " " + pad_left(fixed(100 * share, 0), 3) + " %" +
           styled(note, Style::kDim, terminal.color) + "\n";
  };
  std::string text;
  for (const auto& entry : importance.parameters) {
    text += line(entry.parameter, entry.share, " ± " + fixed(100 * entry.deviation, 0));
  }
  if (text.empty()) {
    return "  Too few trials to tell: " + std::to_string(importance.trials) + " of at least " +
           std::to_string(scheduler::kImportanceTrialsMin) + " have reported.\n";
  }
  text += styled("  shares of the variance over " + std::to_string(importance.trials) +
                     " trials after " +
                     amount_text(importance.resource, results.search().halving.resource) + "; " +
                     fixed(100 * std::max(0.0, 1 - sum), 0) + " % are interactions and noise",
                 Style::kDim, terminal.color) +
          "\n";
  return text;
}

std::string render_report(const SearchResults& results, const TableOptions& options) {
  const Terminal& terminal = options.terminal;
  std::string text = search_headline(results, terminal);
  const std::string metric = one_line(results.objectives().front().metric);
  const std::size_t width = terminal.width == 0 ? 80 : std::min<std::size_t>(terminal.width, 100);
  const auto steps = best_steps(results);
  const std::string picture = curve(stairs_of(steps), width - 1, 10, terminal.unicode);
  if (!picture.empty()) {
    text += title("best " + metric + " so far, by " + results.search().halving.resource +
                      " of all trials",
                  terminal) +
            picture;
  }
  text += title("what mattered for " + metric, terminal) +
          render_importance(results, importance_of(results), terminal);
  if (results.best().size() > 1)
    return text + title("Pareto front", terminal) + render_front(results, options);
  const auto trials = select_trials(results, {.top = kTrialsShown});
  return text + title("best trials", terminal) +
         render_trials(results, trials ? *trials : std::vector<const TrialResult*>(), options);
}

boost::json::value report_document(const SearchResults& results) {
  const ImportanceReport importance = importance_of(results);
  boost::json::array parameters, best;
  for (const auto& entry : importance.parameters) {
    parameters.push_back(boost::json::object{
        {"parameter", entry.parameter}, {"share", entry.share}, {"deviation", entry.deviation}});
  }
  for (const TrialResult* trial : results.best()) best.push_back(to_document(trial->trial));
  boost::json::object document = {
      {"job", std::to_string(results.job.id())},
      {"name", results.job.name()},
      {"search", to_document(results.status)},
      {"best", std::move(best)},
      {"best_so_far", to_document(best_steps(results))},
      {"importance", boost::json::object{{"trials", importance.trials},
                                         {"resource", importance.resource},
                                         {"parameters", std::move(parameters)}}}};
  if (results.objectives().size() > 1) document["hypervolume"] = hypervolume_of(results);
  return document;
}

}  // namespace dl::dlctl
