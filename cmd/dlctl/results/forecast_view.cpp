#include "cmd/dlctl/results/forecast_view.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "cmd/dlctl/results/comparison.h"
#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/view/job_text.h"

namespace dl::dlctl {
namespace {

using scheduler::Estimate;
using scheduler::Forecast;

std::string count_text(double value) {
  return with_commas(static_cast<std::uint64_t>(std::llround(value)));
}

std::string estimate_text(const Estimate& estimate) {
  const std::string mean = count_text(estimate.mean);
  if (count_text(estimate.low) == count_text(estimate.high)) return mean;
  return mean + " (" + count_text(estimate.low) + "–" + count_text(estimate.high) + ")";
}

Duration times(Duration unit, double count) {
  return Duration(static_cast<std::int64_t>(static_cast<double>(unit.count()) * count));
}

// "whole trials" where nobody says how long one is.
std::string unit_of(const Preview& preview) {
  return preview.forecast.whole == 0 ? "whole trials" : preview.job.search->halving.resource;
}

std::string plan_text(const Preview& preview) {
  const SearchSpec& search = *preview.job.search;
  std::string text = one_line(preview.job.name) + ": " +
                     method_text(search.algorithm, search.early_stopping.rule) + ", " +
                     with_commas(preview.forecast.trials) + " trials over " +
                     std::to_string(search.parameters.size()) +
                     (search.parameters.size() == 1 ? " parameter" : " parameters") + ", " +
                     std::to_string(search.max_parallel) + " at once";
  if (preview.forecast.whole > 0)
    text += "; a whole trial takes " + with_commas(preview.forecast.whole) + " " +
            search.halving.resource;
  return text + "\n";
}

std::string first_text(const Preview& preview, const TableOptions& options) {
  std::vector<std::string> names;
  for (const Parameter& parameter : preview.job.search->parameters) names.push_back(parameter.name);
  std::vector<Column> columns = {{.header = "TRIAL", .right = true}};
  for (const auto& name : names)
    columns.push_back({.header = short_name(name, names), .right = true});
  Table table(std::move(columns));
  for (std::size_t k = 0; k < preview.first.size(); ++k) {
    std::vector<Cell> cells = {{std::to_string(k + 1)}};
    for (const auto& name : names) {
      const auto found = preview.first[k].find(name);
      cells.push_back({found == preview.first[k].end() ? "" : value_text(found->second)});
    }
    table.add_row(std::move(cells));
  }
  return table.render(options);
}

std::string rungs_text(const Preview& preview, const TableOptions& options) {
  if (preview.forecast.rungs.size() < 2) return "";
  std::string unit = unit_of(preview);
  std::transform(unit.begin(), unit.end(), unit.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  Table table({{.header = unit, .right = true},
               {.header = "TRIALS", .right = true},
               {.header = "SHARE", .right = true}});
  for (const auto& rung : preview.forecast.rungs) {
    const double share =
        rung.trials.mean / std::max(1.0, static_cast<double>(preview.forecast.trials));
    table.add_row({{with_commas(rung.resource)},
                   {estimate_text(rung.trials)},
                   {fixed(100 * share, 0) + " %"}});
  }
  return "\n" + table.render(options);
}

std::string spending_text(const Preview& preview, const Terminal& terminal) {
  const Forecast& forecast = preview.forecast;
  const std::string unit = unit_of(preview);
  const double share = forecast.resource.mean / std::max(1.0, forecast.resource_of_all);
  std::string text = "\n" + styled("It spends", Style::kBold, terminal.color) + " " +
                     estimate_text(forecast.resource) + " " + unit;
  if (forecast.resource.mean < forecast.resource_of_all) {
    text += ", " + fixed(100 * share, 0) + " % of the " + count_text(forecast.resource_of_all) +
            " that all trials would take to their end";
  }
  text += ".\n";
  if (preview.unit_time) {
    const Duration took = times(*preview.unit_time, forecast.span.mean);
    const Duration all = times(*preview.unit_time, forecast.span_of_all);
    text += "With " + std::to_string(preview.job.search->max_parallel) + " at once that is " +
            span(took);
    if (took < all) text += " instead of " + span(all);
    text += ", if the cluster has room for them.\n";
  }
  const StopSpec& stop = preview.job.search->stop;
  if (stop.target || stop.after.count() > 0 || stop.trials_without_gain > 0)
    text += "search.stop may end it sooner.\n";
  if (forecast.resource.low < forecast.resource.high) {
    text += styled("Simulated with results in random order: mean, and least to most.", Style::kDim,
                   terminal.color) +
            "\n";
  }
  return text;
}

boost::json::object to_json(const Estimate& estimate) {
  return {{"mean", estimate.mean}, {"low", estimate.low}, {"high", estimate.high}};
}

}  // namespace

std::string render_preview(const Preview& preview, const TableOptions& options) {
  const Terminal& terminal = options.terminal;
  std::string text = plan_text(preview);
  if (!preview.first.empty()) {
    text += "\n" +
            styled("Tried first, before any result is known:", Style::kBold, terminal.color) +
            "\n" + first_text(preview, options);
  }
  const std::string rungs = rungs_text(preview, options);
  if (!rungs.empty()) {
    text += "\n" + styled("Trials that train so far:", Style::kBold, terminal.color) + rungs;
  }
  return text + spending_text(preview, terminal);
}

boost::json::value preview_document(const Preview& preview) {
  const Forecast& forecast = preview.forecast;
  boost::json::array first, rungs;
  for (const Assignment& assignment : preview.first) {
    boost::json::object values;
    for (const auto& [name, value] : assignment) values[name] = dlctl::to_json(value);
    first.push_back(std::move(values));
  }
  for (const auto& rung : forecast.rungs)
    rungs.push_back(
        boost::json::object{{"resource", rung.resource}, {"trials", to_json(rung.trials)}});
  boost::json::object document = {{"algorithm", preview.job.search->algorithm},
                                  {"trials", forecast.trials},
                                  {"max_parallel", preview.job.search->max_parallel},
                                  {"unit", unit_of(preview)},
                                  {"whole_trial", forecast.whole},
                                  {"first", std::move(first)},
                                  {"rungs", std::move(rungs)},
                                  {"resource", to_json(forecast.resource)},
                                  {"resource_of_all", forecast.resource_of_all},
                                  {"span", to_json(forecast.span)},
                                  {"span_of_all", forecast.span_of_all}};
  if (preview.unit_time) {
    const double unit = std::chrono::duration<double>(*preview.unit_time).count();
    document["seconds"] = unit * forecast.span.mean;
    document["seconds_of_all"] = unit * forecast.span_of_all;
  }
  return document;
}

}  // namespace dl::dlctl
