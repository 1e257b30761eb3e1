#include "scheduler/search/schedule/median.h"

#include <algorithm>

namespace dl::scheduler {

Verdict Median::reported(const Trial& trial, std::uint64_t resource, double loss) {
  Course& course = running_[trial.number];
  course.best = course.means.empty() ? loss : std::min(course.best, loss);
  course.sum += loss;
  const auto reports = static_cast<double>(course.means.size() + 1);
  course.means.emplace_back(resource, course.sum / reports);
  if (resource < spec_.min_resource || ended_.size() < spec_.min_trials) return {};

  std::vector<double> others;
  for (const Course& other : ended_) {
    const auto after = std::upper_bound(
        other.means.begin(), other.means.end(), resource,
        [](std::uint64_t limit, const auto& entry) { return limit < entry.first; });
    if (after != other.means.begin()) others.push_back(std::prev(after)->second);
  }
  if (others.size() < spec_.min_trials) return {};
  const auto middle = others.begin() + static_cast<std::ptrdiff_t>(others.size() / 2);
  std::nth_element(others.begin(), middle, others.end());
  double median = *middle;
  if (others.size() % 2 == 0) median = (median + *std::max_element(others.begin(), middle)) / 2;
  if (!(course.best > median)) return {};
  running_.erase(trial.number);
  return stop_verdict("its best at " + std::to_string(resource) + " is worse than the median of " +
                      std::to_string(others.size()) + " trials");
}

void Median::ended(const Trial& trial, bool succeeded, double) {
  const auto course = running_.find(trial.number);
  if (course == running_.end()) return;
  if (succeeded) ended_.push_back(std::move(course->second));
  running_.erase(course);
}

}  // namespace dl::scheduler
