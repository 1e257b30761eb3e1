#include "cmd/dlctl/report/charts.h"

#include <algorithm>
#include <cmath>

#include "cmd/dlctl/report/plot.h"
#include "cmd/dlctl/results/trial_filter.h"
#include "cmd/dlctl/results/trials_view.h"
#include "cmd/dlctl/terminal/text.h"

namespace dl::dlctl {
namespace {

constexpr double kWidth = 460;
constexpr double kHeight = 280;
constexpr double kSliceWidth = 300;
constexpr double kSliceHeight = 210;

std::string name_of(const TrialResult& trial) {
  return "trial " + std::to_string(trial.trial.number());
}

// "trial 7: 0.912, learning_rate 0.01, …"
std::string hint_of(const SearchResults& results, const TrialResult& trial) {
  std::string text = name_of(trial);
  for (std::size_t k = 0; k < results.objectives().size(); ++k) {
    if (const auto value = trial.objective(k))
      text += (k == 0 ? ": " : ", ") + short_number(*value);
  }
  const auto names = parameter_names(results);
  for (const auto& name : names) {
    const auto value = trial.values.find(name);
    if (value != trial.values.end())
      text += ", " + short_name(name, names) + " " + value_text(value->second);
  }
  return text;
}

// Worst first, so that the best are drawn over the others; those without a value are left out.
std::vector<const TrialResult*> worst_first(const SearchResults& results) {
  std::vector<const TrialResult*> trials;
  for (const TrialResult& trial : results.trials) {
    if (trial.objective(0)) trials.push_back(&trial);
  }
  std::stable_sort(trials.begin(), trials.end(), [&](const auto* a, const auto* b) {
    return results.losses(*a)[0] > results.losses(*b)[0];
  });
  std::stable_partition(trials.begin(), trials.end(), [](const auto* t) { return !t->best; });
  return trials;
}

// "q0" for the worst fifth to "q4"; "best".
std::string style_by_rank(const TrialResult& trial, std::size_t place, std::size_t count) {
  return trial.best ? "best" : "q" + std::to_string(count == 0 ? 0 : 5 * place / count);
}

// Ranges on a logarithmic scale are drawn on one.
bool is_log(const Parameter& parameter) {
  if (const auto* range = std::get_if<Range>(&parameter.domain)) return range->scale == Scale::kLog;
  const auto* normal = std::get_if<Normal>(&parameter.domain);
  return normal != nullptr && normal->log;
}

// A parameter as an axis: numbers on their scale, choices side by side.
class ParameterAxis {
 public:
  ParameterAxis(const SearchResults& results, const Parameter& parameter) : parameter_(parameter) {
    if (const auto* choices = std::get_if<Choices>(&parameter.domain)) {
      for (const auto& value : choices->values) words_.push_back(value_text(value));
      axis_.low = -0.5;
      axis_.high = static_cast<double>(words_.size()) - 0.5;
      for (std::size_t k = 0; k < words_.size(); ++k)
        axis_.ticks.push_back({static_cast<double>(k), cut(words_[k], 14)});
    } else {
      std::vector<double> values;
      for (const TrialResult& trial : results.trials) {
        if (const auto value = at(trial)) values.push_back(*value);
      }
      axis_ = axis_over("", values, is_log(parameter));
      if (const auto* numbers = std::get_if<Numbers>(&parameter.domain); numbers != nullptr) {
        for (const double value : numbers->values)
          if (numbers->values.size() <= 6) axis_.ticks.push_back({value, tick_text(value)});
        if (numbers->values.size() <= 6) {
          const double margin = 0.06 * (numbers->values.back() - numbers->values.front());
          axis_.low = numbers->values.front() - margin;
          axis_.high = numbers->values.back() + margin;
        }
      }
    }
    axis_.label = parameter.name;
  }

  const PlotAxis& axis() const { return axis_; }

  std::optional<double> at(const TrialResult& trial) const {
    const auto found = trial.values.find(parameter_.name);
    if (found == trial.values.end()) return std::nullopt;
    if (words_.empty()) return as_number(found->second);
    const auto word = std::find(words_.begin(), words_.end(), value_text(found->second));
    if (word == words_.end()) return std::nullopt;
    return static_cast<double>(word - words_.begin());
  }

 private:
  const Parameter& parameter_;
  std::vector<std::string> words_;
  PlotAxis axis_;
};

// The values that matter: of a loss that began at 80 the end would be a flat line.
PlotAxis value_axis(const SearchResults& results, std::vector<double> values) {
  values.erase(std::remove_if(values.begin(), values.end(),
                              [](double value) { return !std::isfinite(value); }),
               values.end());
  std::sort(values.begin(), values.end());
  const std::size_t tenth = values.size() / 10;
  const bool maximizes = results.objectives().front().maximizes();
  const std::span<const double> all(values);
  if (values.size() >= 20 && values.back() > values.front()) {
    // Only where the worst tenth takes more than half of the room.
    const double room = values.back() - values.front();
    if (maximizes && values[tenth] - values.front() > room / 2)
      return axis_over("", all.subspan(tenth));
    if (!maximizes && values.back() - values[values.size() - 1 - tenth] > room / 2)
      return axis_over("", all.first(values.size() - tenth));
  }
  return axis_over("", all);
}

// Drawn at the edge rather than outside.
double within(const PlotAxis& axis, double value) { return std::clamp(value, axis.low, axis.high); }

std::string vertical_axis(double x, double top, double bottom, const PlotAxis& axis,
                          const std::string& name) {
  std::string text = "<line x1=\"" + coordinate(x) + "\" x2=\"" + coordinate(x) + "\" y1=\"" +
                     coordinate(top) + "\" y2=\"" + coordinate(bottom) + "\" class=\"rule\"/>";
  const auto label = [&](double y, const std::string& style, const std::string& words) {
    text += "<text x=\"" + coordinate(x + (style == "tick" ? 5 : 0)) + "\" y=\"" + coordinate(y) +
            "\" class=\"" + style + "\">" + escaped(words) + "</text>";
  };
  for (const Tick& tick : axis.ticks.empty() ? round_ticks(axis, 4) : axis.ticks)
    label(bottom - axis.share(tick.at) * (bottom - top) + 4, "tick", tick.label);
  label(top - 12, "label middle", cut(name, 18));
  return text;
}

}  // namespace

std::string best_so_far_chart(const SearchResults& results) {
  const bool maximizes = results.objectives().front().maximizes();
  const auto steps =
      scheduler::best_so_far(results.courses, scheduler::Spending::kResource, maximizes);
  if (steps.empty()) return "";
  std::vector<double> values;
  std::vector<PlotPoint> stairs;
  for (const auto& step : steps) {
    values.push_back(step.value);
    stairs.push_back({step.spent, step.value});
  }
  PlotAxis x = axis_over("", std::vector<double>{0, steps.back().spent});
  x.low = 0;
  x.label = results.search().halving.resource + " of all trials";
  Plot plot(kWidth, kHeight, x, value_axis(results, values), "Best so far");
  plot.stairs(stairs, "best");
  for (const auto& step : steps) {
    plot.dot({step.spent, step.value}, 3, "best",
             "trial " + std::to_string(step.number) + ": " + short_number(step.value));
  }
  return plot.svg();
}

std::string learning_curves_chart(const SearchResults& results) {
  std::vector<double> resources, values;
  for (const auto& course : results.courses) {
    for (const auto& report : course.reports) {
      resources.push_back(static_cast<double>(report.resource));
      values.push_back(report.value);
    }
  }
  if (values.empty()) return "";
  const PlotAxis y = value_axis(results, values);
  PlotAxis x = axis_over(results.search().halving.resource, resources);
  Plot plot(kWidth, kHeight, x, y, "Learning curves");
  const auto trials = worst_first(results);
  for (std::size_t place = 0; place < trials.size(); ++place) {
    const auto number = trials[place]->trial.number();
    const auto course = std::find_if(results.courses.begin(), results.courses.end(),
                                     [&](const auto& c) { return c.number == number; });
    if (course == results.courses.end() || course->reports.empty()) continue;
    const std::string style = style_by_rank(*trials[place], place, trials.size());
    std::vector<PlotPoint> points;
    for (const auto& report : course->reports) {
      if (std::isfinite(report.value))
        points.push_back({static_cast<double>(report.resource), within(y, report.value)});
    }
    plot.line(points, style, hint_of(results, *trials[place]));
    if (!points.empty()) plot.dot(points.back(), 2.5, style, hint_of(results, *trials[place]));
  }
  return plot.svg();
}

std::string parallel_chart(const SearchResults& results) {
  const auto trials = worst_first(results);
  const auto names = parameter_names(results);
  if (trials.empty() || names.empty()) return "";
  std::vector<ParameterAxis> axes;
  for (const Parameter& parameter : results.search().parameters) {
    if (!parameter.is_constant()) axes.emplace_back(results, parameter);
  }
  std::vector<double> values;
  for (const auto* trial : trials) values.push_back(*trial->objective(0));
  const PlotAxis objective = value_axis(results, values);
  constexpr double kTop = 34, kBottom = 250, kNone = 274, kGap = 130, kLeft = 60;
  const double width = kLeft + kGap * static_cast<double>(axes.size()) + 70;
  const auto x_of = [&](std::size_t k) { return kLeft + kGap * static_cast<double>(k); };
  const auto y_of = [&](const PlotAxis& axis, double value) {
    return coordinate(kBottom - axis.share(value) * (kBottom - kTop));
  };
  std::string content;
  std::vector<bool> lacks(axes.size() + 1, false);
  for (std::size_t place = 0; place < trials.size(); ++place) {
    std::string path;
    // Below the axis where a parameter is not there.
    const auto add = [&](std::size_t k, const PlotAxis& axis, std::optional<double> value) {
      lacks[k] = lacks[k] || !value;
      path += (k == 0 ? "M" : "L") + coordinate(x_of(k)) + " " +
              (value ? y_of(axis, *value) : coordinate(kNone));
    };
    for (std::size_t k = 0; k < axes.size(); ++k)
      add(k, axes[k].axis(), axes[k].at(*trials[place]));
    add(axes.size(), objective, within(objective, *trials[place]->objective(0)));
    content += "<path d=\"" + path + "\" class=\"line " +
               style_by_rank(*trials[place], place, trials.size()) + "\"><title>" +
               escaped(hint_of(results, *trials[place])) + "</title></path>";
  }
  for (std::size_t k = 0; k < axes.size(); ++k) {
    if (lacks[k]) {
      content += "<text x=\"" + coordinate(x_of(k) + 5) + "\" y=\"" + coordinate(kNone + 4) +
                 "\" class=\"tick\">none</text>";
    }
    content += vertical_axis(x_of(k), kTop, kBottom, axes[k].axis(), short_name(names[k], names));
  }
  const auto objectives = objective_names(results);
  content += vertical_axis(x_of(axes.size()), kTop, kBottom, objective,
                           short_name(objectives[0], objectives));
  return svg_element(width, kNone + 16, "Parallel coordinates", content);
}

std::string importance_chart(const ImportanceReport& importance) {
  if (importance.parameters.empty()) return "";
  constexpr double kRow = 26, kNames = 150, kBars = 220;
  std::string content;
  double y = 4;
  std::vector<std::string> names;
  for (const auto& entry : importance.parameters) names.push_back(entry.parameter);
  for (const auto& entry : importance.parameters) {
    const std::string percent = fixed(100 * entry.share, 0) + " %";
    const std::string middle = coordinate(y + 17);
    content += "<text x=\"" + coordinate(kNames - 8) + "\" y=\"" + middle +
               "\" class=\"name end\">" + escaped(cut(short_name(entry.parameter, names), 20)) +
               "</text><rect x=\"" + coordinate(kNames) + "\" y=\"" + coordinate(y + 4) +
               "\" width=\"" + coordinate(std::max(1.0, kBars * entry.share)) +
               "\" height=\"18\" rx=\"2\" class=\"bar\"><title>" + escaped(entry.parameter) + ": " +
               percent + " ± " + fixed(100 * entry.deviation, 0) + "</title></rect><text x=\"" +
               coordinate(kNames + kBars * entry.share + 8) + "\" y=\"" + middle +
               "\" class=\"name\">" + percent + "</text>";
    y += kRow;
  }
  return svg_element(kNames + kBars + 60, y + 6, "Parameter importance", content);
}

std::string slice_chart(const SearchResults& results, const Parameter& parameter) {
  const auto trials = worst_first(results);
  const ParameterAxis x(results, parameter);
  std::vector<double> values;
  for (const auto* trial : trials) {
    if (x.at(*trial)) values.push_back(*trial->objective(0));
  }
  if (values.empty()) return "";
  const PlotAxis y = value_axis(results, values);
  Plot plot(kSliceWidth, kSliceHeight, x.axis(), y, parameter.name);
  for (std::size_t place = 0; place < trials.size(); ++place) {
    const auto at = x.at(*trials[place]);
    if (!at) continue;
    plot.dot({*at, within(y, *trials[place]->objective(0))}, trials[place]->best ? 5 : 3.5,
             style_by_rank(*trials[place], place, trials.size()), hint_of(results, *trials[place]));
  }
  return plot.svg();
}

std::string front_chart(const SearchResults& results) {
  if (results.objectives().size() < 2) return "";
  std::vector<double> xs, ys;
  std::vector<PlotPoint> front;
  for (const TrialResult& trial : results.trials) {
    const auto x = trial.objective(0), y = trial.objective(1);
    if (!x || !y) continue;
    xs.push_back(*x);
    ys.push_back(*y);
    if (trial.best) front.push_back({*x, *y});
  }
  if (xs.empty()) return "";
  std::sort(front.begin(), front.end(),
            [](const PlotPoint& a, const PlotPoint& b) { return a.x < b.x; });
  const auto label = [&](std::size_t k) {
    return results.objectives()[k].metric + (results.objectives()[k].maximizes() ? " →" : " ←");
  };
  Plot plot(kWidth, kHeight, axis_over(label(0), xs), axis_over("", ys), "Pareto front");
  if (results.objectives().size() == 2) plot.line(front, "best");
  for (const TrialResult& trial : results.trials) {
    const auto x = trial.objective(0), y = trial.objective(1);
    if (x && y)
      plot.dot({*x, *y}, trial.best ? 5 : 3.5, trial.best ? "best" : "q2", hint_of(results, trial));
  }
  return plot.svg();
}

}  // namespace dl::dlctl
