#include "cmd/dlctl/report/page.h"

#include "cmd/dlctl/report/charts.h"
#include "cmd/dlctl/report/plot.h"
#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

constexpr const char* kStyle = R"(
:root { color-scheme: light dark; --page: #f6f7f9; --card: #fff; --text: #1c2430; --dim: #667080;
  --grid: #e4e8ee; --q0: #c3cede; --q1: #9db4d6; --q2: #6f94cc; --q3: #3f74bf; --q4: #1c55a4;
  --best: #e0641b; --good: #26804a; --bad: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1b212a; --text: #e3e8ef;
  --dim: #93a0b0; --grid: #2c3541; --q0: #3a475a; --q1: #48628a; --q2: #5a85c0; --q3: #78a8e6;
  --q4: #a9cdfb; --best: #ff9147; --good: #5cc285; --bad: #f0776a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 20px 16px 48px; }
h1 { font-size: 24px; margin: 8px 0 0; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 0 0 8px; }
p { margin: 4px 0; }
.dim { color: var(--dim); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin: 16px 0; }
.card, .tile { background: var(--card); border-radius: 10px; padding: 14px 16px;
  box-shadow: 0 1px 2px #0002; min-width: 0; }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  gap: 16px; }
.wide { grid-column: 1 / -1; }
.slices { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr));
  gap: 12px; }
svg { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
.scroll svg { min-width: 560px; max-height: 380px; }
.tick, .label, .name { font: 11px system-ui, sans-serif; fill: var(--dim);
  paint-order: stroke; stroke: var(--card); stroke-width: 3px; stroke-linejoin: round; }
.name { font-size: 12px; fill: var(--text); }
.end { text-anchor: end; } .middle { text-anchor: middle; }
.grid { stroke: var(--grid); } .rule { stroke: var(--dim); }
.bar { fill: var(--q3); }
.line { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
.line.best { stroke-width: 2.5; }
.line.q0 { stroke: var(--q0); } .line.q1 { stroke: var(--q1); } .line.q2 { stroke: var(--q2); }
.line.q3 { stroke: var(--q3); } .line.q4 { stroke: var(--q4); } .line.best { stroke: var(--best); }
.dot.q0 { fill: var(--q0); } .dot.q1 { fill: var(--q1); } .dot.q2 { fill: var(--q2); }
.dot.q3 { fill: var(--q3); } .dot.q4 { fill: var(--q4); } .dot.best { fill: var(--best); }
.line:hover { stroke-width: 4; }
table { border-collapse: collapse; width: 100%; font-size: 13px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--grid); }
th { color: var(--dim); font-weight: 600; }
td.word, th.word { text-align: left; }
td.why { white-space: normal; min-width: 220px; text-align: left; color: var(--dim); }
tr.best td { color: var(--best); font-weight: 600; } tr.best td.why { font-weight: 400; }
td.failed { color: var(--bad); } td.running { color: var(--good); }
pre { margin: 0; overflow-x: auto; font: 13px/1.45 ui-monospace, monospace; }
)";

std::string tile(const std::string& word, const std::string& value, const std::string& note) {
  return "<div class=\"tile\"><span class=\"dim\">" + escaped(word) + "</span><b>" +
         escaped(value) + "</b><span class=\"dim\">" + escaped(note) + "</span></div>\n";
}

// Nothing without content.
std::string card(const std::string& title, const std::string& note, const std::string& content,
                 const std::string& style = "") {
  if (content.empty()) return "";
  return "<section class=\"card " + style + "\"><h2>" + escaped(title) + "</h2>" + content +
         (note.empty() ? "" : "<p class=\"dim\">" + escaped(note) + "</p>") + "</section>\n";
}

std::string tiles(const SearchResults& results) {
  const v1::SearchStatus& status = results.status;
  std::string text;
  const auto best = results.best();
  if (best.size() == 1 && best[0]->objective(0)) {
    text += tile("best " + results.objectives()[0].metric, short_number(*best[0]->objective(0)),
                 "trial " + std::to_string(best[0]->trial.number()));
  } else if (best.size() > 1) {
    text += tile("Pareto front", std::to_string(best.size()) + " trials",
                 "hypervolume " + short_number(hypervolume_of(results)));
  }
  Duration time{0};
  std::uint32_t stopped = 0;
  for (const TrialResult& trial : results.trials) {
    time += run_time_of(trial.trial);
    stopped += trial.trial.state() == "stopped" ? 1 : 0;
  }
  text += tile(
      "trials",
      std::to_string(status.started()) +
          (status.max_trials() > 0 ? " of " + std::to_string(status.max_trials()) : ""),
      std::to_string(stopped) + " stopped early, " + std::to_string(status.failed()) + " failed");
  const std::uint64_t spent = scheduler::resource_spent(results.courses);
  if (spent > 0)
    text += tile("spent", with_commas(spent) + " " + results.search().halving.resource,
                 span(time) + " in all trials");
  return "<div class=\"tiles\">\n" + text + "</div>\n";
}

std::string trials_table(const SearchResults& results) {
  const auto objectives = objective_names(results);
  const auto parameters = parameter_names(results);
  std::string text =
      "<div class=\"scroll\"><table><thead><tr><th>trial</th><th class=\"word\">state</th>";
  const auto head = [&](const std::string& word) { text += "<th>" + escaped(word) + "</th>"; };
  for (const auto& name : objectives) head(short_name(name, objectives));
  head(results.search().halving.resource);
  for (const auto& name : parameters) head(short_name(name, parameters));
  head("time");
  text += "<th class=\"word\">why</th></tr></thead><tbody>\n";
  const auto sorted = select_trials(results, {});
  for (const TrialResult* trial : sorted ? *sorted : std::vector<const TrialResult*>()) {
    const auto cell = [&](const std::string& words, const std::string& style = "") {
      text += (style.empty() ? "<td>" : "<td class=\"" + style + "\">") + escaped(words) + "</td>";
    };
    text += trial->best ? "<tr class=\"best\">" : "<tr>";
    cell((trial->best ? "★ " : "") + std::to_string(trial->trial.number()));
    cell(trial->trial.state(), "word " + escaped(trial->trial.state()));
    for (std::size_t k = 0; k < objectives.size(); ++k) {
      const auto value = trial->objective(k);
      cell(value ? short_number(*value) : "–");
    }
    cell(trial->trial.objectives_size() > 0 ? with_commas(trial->trial.resource()) : "–");
    for (const auto& name : parameters) {
      const auto value = trial->values.find(name);
      cell(value == trial->values.end() ? "–" : value_text(value->second));
    }
    cell(span(run_time_of(trial->trial)));
    cell(trial->trial.why().empty() ? failure_text(trial->trial.failure()) : trial->trial.why(),
         "why");
    text += "</tr>\n";
  }
  return text + "</tbody></table></div>";
}

// As it is, line by line.
std::string preformatted(const std::string& document) {
  std::string text = "<pre>";
  std::size_t at = 0;
  while (at < document.size()) {
    const std::size_t end = std::min(document.find('\n', at), document.size());
    const std::string line = document.substr(at, end - at);
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    text += std::string(indent, ' ') + escaped(line.substr(indent)) + "\n";
    at = end + 1;
  }
  return text + "</pre>";
}

// Its values beside the defaults; nothing of a Pareto front, which has several best.
std::string best_trial(const SearchResults& results) {
  const auto best = results.best();
  if (best.size() != 1) return "";
  std::string text =
      "<table><thead><tr><th class=\"word\">parameter</th><th>value</th><th>default</th></tr>"
      "</thead><tbody>\n";
  for (const Parameter& parameter : results.search().parameters) {
    const auto value = best[0]->values.find(parameter.name);
    if (value == best[0]->values.end()) continue;
    const std::string usual = default_text(results, parameter);
    text += "<tr><td class=\"word\">" + escaped(parameter.name) + "</td><td><b>" +
            escaped(value_text(value->second)) + "</b></td><td class=\"dim\">" +
            escaped(usual.empty() ? "–" : usual) + "</td></tr>\n";
  }
  return text + "</tbody></table>";
}

std::string slices(const SearchResults& results) {
  std::string text;
  for (const Parameter& parameter : results.search().parameters) {
    if (!parameter.is_constant()) text += slice_chart(results, parameter);
  }
  return text.empty() ? "" : "<div class=\"slices\">" + text + "</div>";
}

std::string front_note(const SearchResults& results) {
  if (results.objectives().size() < 2) return "";
  return results.objectives()[1].metric + " over " + results.objectives()[0].metric +
         "; trials that no other beats in everything are orange.";
}

std::string pictures(const SearchResults& results) {
  const ImportanceReport importance = importance_of(results);
  const std::string objective = results.objectives().front().metric;
  const std::string parallel = parallel_chart(results);
  return card("Best so far", objective + " over the training of all trials together",
              best_so_far_chart(results)) +
         card("Learning curves", objective + " of every trial; the best is orange",
              learning_curves_chart(results)) +
         card("Pareto front", front_note(results), front_chart(results)) +
         card("What mattered",
              "Share of the variance of " + objective +
                  " that each parameter explains alone, over " + std::to_string(importance.trials) +
                  " trials after " +
                  amount_text(importance.resource, results.search().halving.resource) +
                  "; the rest is interactions and noise.",
              importance_chart(importance)) +
         card("The best trial", "", best_trial(results)) +
         card("Parallel coordinates",
              "A line a trial; the stronger its colour, the better; the best is orange.",
              parallel.empty() ? "" : "<div class=\"scroll\">" + parallel + "</div>", "wide") +
         card("Slices", objective + " over the values of each parameter", slices(results), "wide");
}

}  // namespace

std::string report_page(const SearchResults& results, const std::string& best_spec, Timestamp now) {
  const std::string id = std::to_string(results.job.id());
  const std::string name = "Job " + id + " · " + one_line(results.job.name());
  std::string headline = search_headline(results, {.unicode = true});
  headline.pop_back();
  if (const auto end = headline.find('\n'); end != std::string::npos)
    headline.replace(end, 1, ". ");
  const auto best = results.best();
  const std::string number = best.empty() ? "" : std::to_string(best.front()->trial.number());
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta "
         "name=\"viewport\" "
         "content=\"width=device-width, initial-scale=1\">\n<title>" +
         escaped(name) + "</title>\n<style>" + kStyle + "</style></head>\n<body><main>\n<h1>" +
         escaped(name) + "</h1>\n<p class=\"dim\">" + escaped(headline) + "</p>\n" +
         tiles(results) + "<div class=\"cards\">\n" + pictures(results) +
         card("Trials", "", trials_table(results), "wide") +
         card("The spec of trial " + number,
              "dlctl best " + id + " --submit runs it again; dlctl best " + id +
                  " --spec prints it.",
              best_spec.empty() ? "" : preformatted(best_spec), "wide") +
         "</div>\n<p class=\"dim\">Made " + escaped(to_rfc3339(now)) + " by dlctl report " + id +
         "</p>\n</main></body></html>\n";
}

}  // namespace dl::dlctl
