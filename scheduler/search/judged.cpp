#include "scheduler/search/judged.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace dl::scheduler {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

const Measurement* report_at(const Trial& trial, std::uint64_t resource) {
  const auto report = std::find_if(trial.reports.begin(), trial.reports.end(),
                                   [&](const Measurement& m) { return m.resource >= resource; });
  return report == trial.reports.end() ? nullptr : &*report;
}

// Has left a result that stands: a paused one's counts at its rung.
bool counts(const Trial& trial) {
  return trial.state != TrialState::kRunning && trial.state != TrialState::kFailed &&
         !trial.reports.empty();
}

}  // namespace

Judged::Judged(const SearchSpec& spec, const UnitSpace& space)
    : space_(space), enough_(std::max<std::size_t>(spec.tpe.startup_trials, space.size() + 2)) {
  for (const Objective& objective : spec.objectives)
    signs_.push_back(objective.maximizes() ? -1 : 1);
}

std::vector<double> Judged::losses_of(const std::vector<double>& values) const {
  std::vector<double> losses;
  for (std::size_t k = 0; k < signs_.size(); ++k) {
    const bool known = k < values.size() && std::isfinite(values[k]);
    losses.push_back(known ? signs_[k] * values[k] : kInfinity);
  }
  return losses;
}

std::vector<double> Judged::losses_of(const Trial& trial) const {
  static const std::vector<double> kNothing;
  return losses_of(trial.reports.empty() ? kNothing : trial.reports.back().values);
}

void Judged::started(const Trial& trial) {
  observations_.set_running(trial.number, space_.to_point(trial.assignment));
  is_current_ = is_current_ && !has_partial_;
}

void Judged::ended(const Trial& trial) {
  observations_.erase_running(trial.number);
  if (has_partial_) {
    is_current_ = false;
    return;
  }
  const bool failed = trial.state == TrialState::kFailed;
  observations_.add(
      {.number = trial.number,
       .point = space_.to_point(trial.assignment),
       .losses = failed ? std::vector<double>(signs_.size(), kInfinity) : losses_of(trial)});
}

void Judged::interrupted(const Trial& trial) {
  observations_.erase_running(trial.number);
  has_partial_ = true;
  is_current_ = false;
}

const Observations& Judged::observations(const std::vector<Trial>& trials) {
  if (!is_current_) compare_at_level(trials);
  is_current_ = true;
  return observations_;
}

std::uint64_t Judged::level_of(const std::vector<Trial>& trials) const {
  std::map<std::uint64_t, std::size_t> reached;  // How many got exactly this far.
  for (const Trial& trial : trials) {
    if (counts(trial)) ++reached[trial.reports.back().resource];
  }
  std::size_t at_least = 0;
  for (auto level = reached.rbegin(); level != reached.rend(); ++level) {
    at_least += level->second;
    if (at_least >= enough_) return level->first;
  }
  return reached.empty() ? 0 : reached.begin()->first;
}

void Judged::compare_at_level(const std::vector<Trial>& trials) {
  observations_.clear();
  const std::uint64_t level = level_of(trials);
  std::vector<std::vector<double>> middle(signs_.size());
  for (const Trial& trial : trials) {
    const Measurement* report = counts(trial) ? report_at(trial, level) : nullptr;
    if (report == nullptr) continue;
    const auto losses = losses_of(report->values);
    for (std::size_t k = 0; k < losses.size(); ++k) middle[k].push_back(losses[k]);
  }
  for (auto& losses : middle) {
    if (losses.empty()) losses.push_back(-kInfinity);
    std::nth_element(losses.begin(), losses.begin() + losses.size() / 2, losses.end());
    losses[0] = losses[losses.size() / 2];
  }
  for (const Trial& trial : trials) {
    std::vector<double> losses(signs_.size(), kInfinity);
    if (counts(trial)) {
      const Measurement* report = report_at(trial, level);
      if (report == nullptr && trial.state == TrialState::kPaused) continue;
      losses = losses_of((report != nullptr ? *report : trial.reports.back()).values);
      for (std::size_t k = 0; report == nullptr && k < losses.size(); ++k)
        losses[k] = std::max(losses[k], middle[k][0]);
    } else if (trial.state != TrialState::kFailed) {
      continue;
    }
    observations_.add({.number = trial.number,
                       .point = space_.to_point(trial.assignment),
                       .losses = std::move(losses)});
  }
}

}  // namespace dl::scheduler
