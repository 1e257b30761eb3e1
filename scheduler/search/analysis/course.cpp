#include "scheduler/search/analysis/course.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dl::scheduler {
namespace {

// A report with what its trial has spent since the one before.
struct Step {
  double seconds = 0;
  TrialNumber number = 0;
  std::uint64_t units = 0;
  double value = 0;
};

std::uint64_t units_before(const Course& course, std::size_t report) {
  if (report > 0) return course.reports[report - 1].resource;
  // An heir's own work begins where its parent's checkpoint was: one report before its first.
  return course.from == 0 || course.reports.size() < 2
             ? 0
             : course.reports[0].resource -
                   std::min(course.reports[0].resource,
                            course.reports[1].resource - course.reports[0].resource);
}

std::vector<Step> steps_of(std::span<const Course> courses) {
  std::vector<Step> steps;
  for (const Course& course : courses) {
    for (std::size_t k = 0; k < course.reports.size(); ++k) {
      const CourseReport& report = course.reports[k];
      steps.push_back(
          {.seconds = report.seconds,
           .number = course.number,
           .units = report.resource - std::min(report.resource, units_before(course, k)),
           .value = report.value});
    }
  }
  std::stable_sort(steps.begin(), steps.end(),
                   [](const Step& a, const Step& b) { return a.seconds < b.seconds; });
  return steps;
}

// Gathers gains; `better` by the goal.
class Record {
 public:
  explicit Record(bool maximizes) : maximizes_(maximizes) {}

  void add(double spent, double value, TrialNumber number) {
    last_ = spent;
    if (!std::isfinite(value)) return;
    if (!steps_.empty() &&
        !(maximizes_ ? value > steps_.back().value : value < steps_.back().value))
      return;
    steps_.push_back({.spent = spent, .value = value, .number = number});
  }
  std::vector<Best> steps() && {
    if (!steps_.empty() && last_ > steps_.back().spent)
      steps_.push_back(
          {.spent = last_, .value = steps_.back().value, .number = steps_.back().number});
    return std::move(steps_);
  }

 private:
  bool maximizes_;
  double last_ = 0;
  std::vector<Best> steps_;
};

}  // namespace

std::vector<Best> best_so_far(std::span<const Course> courses, Spending spending, bool maximizes) {
  Record record(maximizes);
  if (spending == Spending::kTrials) {
    double trials = 0;
    for (const Course& course : courses) {
      if (course.reports.empty()) continue;
      trials += 1;
      // The last report is what a trial is judged by.
      record.add(trials, course.reports.back().value, course.number);
    }
    return std::move(record).steps();
  }
  double units = 0;
  for (const Step& step : steps_of(courses)) {
    units += static_cast<double>(step.units);
    record.add(spending == Spending::kResource ? units : step.seconds, step.value, step.number);
  }
  return std::move(record).steps();
}

Comparable comparable_values(std::span<const Course> courses) {
  std::vector<std::uint64_t> reached;
  for (const Course& course : courses) {
    if (!course.reports.empty()) reached.push_back(course.reports.back().resource);
  }
  if (reached.empty()) return {};
  // At least half of them are at or beyond the upper middle.
  const auto middle = reached.begin() + static_cast<std::ptrdiff_t>(reached.size() / 2);
  std::nth_element(reached.begin(), middle, reached.end());
  Comparable comparable{.resource = *middle};
  for (const Course& course : courses) {
    const auto report =
        std::find_if(course.reports.begin(), course.reports.end(),
                     [&](const CourseReport& r) { return r.resource >= comparable.resource; });
    if (report == course.reports.end() || !std::isfinite(report->value)) continue;
    comparable.values.emplace_back(course.number, report->value);
  }
  return comparable;
}

std::uint64_t resource_spent(std::span<const Course> courses) {
  std::uint64_t sum = 0;
  for (const Step& step : steps_of(courses)) sum += step.units;
  return sum;
}

}  // namespace dl::scheduler
