#include "cmd/dlctl/results/trials_view.h"

#include <algorithm>
#include <boost/json.hpp>

#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/view/facts.h"
#include "cmd/dlctl/view/job_text.h"
#include "model/spec/parse.h"

namespace dl::dlctl {
namespace {

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

Style style_of_trial(const TrialResult& trial) {
  if (trial.best) return Style::kBold;
  const std::string& state = trial.trial.state();
  return state == "ended" || state == "stopped" ? Style::kPlain : style_of_state(state);
}

std::string objective_text(const TrialResult& trial, std::size_t index) {
  const auto value = trial.objective(index);
  return value ? short_number(*value) : "";
}

std::string parameter_text(const TrialResult& trial, const std::string& name) {
  const auto found = trial.values.find(name);
  return found == trial.values.end() ? "" : value_text(found->second);
}

std::string why_text(const v1::SearchTrial& trial) {
  const std::string failure = failure_text(trial.failure());
  return trial.why().empty() ? failure : trial.why();
}

// Headers may be cut where values may not: a number without its end is another number.
// Of many parameters the last ones make room first.
Column column_of(std::string header, std::span<const TrialResult* const> trials,
                 const std::string& parameter, int drop_order) {
  Column column{.header = upper(std::move(header)), .right = true, .drop_order = drop_order};
  std::size_t widest = 5;
  for (const TrialResult* trial : trials) {
    const auto found = trial->values.find(parameter);
    if (found == trial->values.end()) continue;
    widest = std::max(widest, display_width(value_text(found->second)));
    if (!as_number(found->second)) column.right = false;
  }
  column.cut_to = std::min<std::size_t>(widest, 16);
  return column;
}

// "is the best so far (running)"
std::string standing_text(const SearchResults& results, const TrialResult& trial) {
  const std::string& state = trial.trial.state();
  if (!trial.best) return state;
  return std::string("is the best") + (is_terminal(results.job.state()) ? "" : " so far") +
         (state == "ended" ? "" : " (" + state + ")");
}

std::string parameters_text(const SearchResults& results, const TrialResult& trial,
                            const TableOptions& options) {
  Table table({{.header = "PARAMETER"},
               {.header = "VALUE", .right = true},
               {.header = "DEFAULT", .right = true, .if_any = true}});
  for (const Parameter& parameter : results.search().parameters) {
    if (!trial.values.contains(parameter.name)) continue;
    const std::string value = value_text(trial.values.at(parameter.name));
    const std::string usual = default_text(results, parameter);
    table.add_row(
        {{parameter.name}, {value, value == usual ? Style::kPlain : Style::kBold}, {usual}});
  }
  return table.render(options);
}

}  // namespace

std::string value_text(const ParameterValue& value) {
  if (const auto* real = std::get_if<double>(&value)) return short_number(*real);
  return one_line(to_string(value));
}

std::string default_text(const SearchResults& results, const Parameter& parameter) {
  if (parameter.initial) return value_text(*parameter.initial);
  JobSpec plain = results.spec;
  plain.search.reset();
  const boost::json::value tree = boost::json::parse(spec::to_json(plain));
  std::string pointer = "/" + parameter.name;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  boost::system::error_code missing;
  const auto* value = tree.find_pointer(pointer, missing);
  if (value == nullptr || value->is_object()) return "";
  if (value->is_string()) return std::string(value->as_string());
  return value->is_double() ? short_number(value->as_double()) : boost::json::serialize(*value);
}

Duration run_time_of(const v1::SearchTrial& trial) {
  return std::chrono::seconds(trial.run_time().seconds()) +
         std::chrono::duration_cast<Duration>(std::chrono::nanoseconds(trial.run_time().nanos()));
}

std::string render_trials(const SearchResults& results, std::span<const TrialResult* const> trials,
                          const TableOptions& options) {
  const auto objectives = objective_names(results);
  const auto parameters = parameter_names(results);
  std::vector<Column> columns = {{.header = "TRIAL", .right = true}, {.header = "STATE"}};
  for (const auto& name : objectives)
    columns.push_back({.header = upper(short_name(name, objectives)), .right = true});
  columns.push_back({.header = upper(results.search().halving.resource), .right = true});
  int drop_order = 1;
  for (const auto& name : parameters)
    columns.push_back(column_of(short_name(name, parameters), trials, name, ++drop_order));
  columns.push_back({.header = "TIME", .right = true, .drop_order = 1});
  columns.push_back({.header = "FROM", .right = true, .drop_order = ++drop_order, .if_any = true});
  columns.push_back({.header = "ATTEMPTS", .right = true, .wide_only = true});
  columns.push_back({.header = "STARTED", .wide_only = true});
  columns.push_back({.header = "CHECKPOINT", .wide_only = true});
  columns.push_back({.header = "WHY", .cut_to = 12, .drop_order = ++drop_order, .if_any = true});
  Table table(std::move(columns));
  for (const TrialResult* result : trials) {
    const v1::SearchTrial& trial = result->trial;
    const std::string star = options.terminal.unicode ? "★ " : "* ";
    std::vector<Cell> cells = {
        {(result->best ? star : "") + std::to_string(trial.number()), style_of_trial(*result)},
        {trial.state(), style_of_state(trial.state())}};
    for (std::size_t k = 0; k < objectives.size(); ++k)
      cells.push_back({objective_text(*result, k), style_of_trial(*result)});
    cells.push_back({trial.objectives_size() > 0 ? with_commas(trial.resource()) : ""});
    for (const auto& name : parameters) cells.push_back({parameter_text(*result, name)});
    cells.push_back({trial.has_run_time() ? span(run_time_of(trial)) : ""});
    cells.push_back({trial.from() == 0 ? "" : std::to_string(trial.from())});
    cells.push_back({std::to_string(trial.attempts())});
    cells.push_back({clock_text(trial.start_time())});
    cells.push_back({trial.checkpoint().path()});
    cells.push_back({why_text(trial)});
    table.add_row(std::move(cells));
  }
  return table.render(options);
}

std::string search_headline(const SearchResults& results, const Terminal& terminal) {
  const v1::SearchStatus& status = results.status;
  std::uint32_t stopped = 0;
  for (const TrialResult& trial : results.trials)
    stopped += trial.trial.state() == "stopped" ? 1 : 0;
  const std::string state = word_of(results.job.state());
  std::string text =
      styled("Job " + std::to_string(results.job.id()), Style::kBold, terminal.color) + " (" +
      one_line(results.job.name()) + ") " + (is_terminal(results.job.state()) ? "" : "is ") +
      styled(status.is_paused() ? "paused" : state,
             style_of_state(status.is_paused() ? "queued" : state), terminal.color) +
      ": " + method_text(status.algorithm(), status.early_stopping()) + ", " +
      std::to_string(status.started());
  if (status.max_trials() > 0) text += " of " + std::to_string(status.max_trials());
  text += " trials";
  const auto count = [&](std::uint32_t number, const char* word) {
    if (number > 0) text += ", " + std::to_string(number) + " " + word;
  };
  count(status.running(), "running");
  count(status.paused(), "paused");
  count(status.ended() - std::min(stopped, status.ended()), "ended");
  count(stopped, "stopped early");
  count(status.failed(), "failed");
  text += "\n";
  return status.over().empty() ? text : text + "It is over: " + one_line(status.over()) + "\n";
}

std::string render_trial(const SearchResults& results, const TrialResult& trial,
                         const v1::SearchTrial& detail, const TableOptions& options) {
  const std::string number = std::to_string(trial.trial.number());
  const std::string job = std::to_string(results.job.id());
  std::string text = styled("Trial " + job + "." + number, Style::kBold, options.terminal.color) +
                     " " + standing_text(results, trial);
  for (std::size_t k = 0; k < results.objectives().size(); ++k) {
    const std::string value = objective_text(trial, k);
    if (!value.empty())
      text += (k == 0 ? ": " : ", ") + results.objectives()[k].metric + " " + value;
  }
  if (trial.trial.objectives_size() > 0) {
    text += " after " + amount_text(detail.resource(), results.search().halving.resource);
  }
  text += "\n\n" + parameters_text(results, trial, options) + "\n";
  Facts facts(options.terminal.color);
  facts.add("ran for", span(run_time_of(detail)));
  if (detail.from() != 0) facts.add("began from", "trial " + std::to_string(detail.from()));
  facts.add("why", one_line(why_text(detail)));
  const std::string folder = one_line(detail.artifact_dir());
  if (!folder.empty()) {
    const bool has_model = is_builtin(results.job) && detail.state() == "ended";
    if (has_model) facts.add("model", folder + "/model");
    if (!detail.checkpoint().path().empty())
      facts.add("checkpoint", folder + "/checkpoints/" + one_line(detail.checkpoint().path()));
    if (!has_model && detail.checkpoint().path().empty()) facts.add("artifacts", folder);
  }
  const std::string which = trial.best ? "" : " --trial " + number;
  facts.add("rebuild", "dlctl best " + job + which + " --submit");
  facts.add("its spec", "dlctl best " + job + which + " --spec");
  return text + facts.text();
}

}  // namespace dl::dlctl
