// Observations is what samplers learn from: the points of trials with their losses, best first.

#pragma once

#include <map>
#include <vector>

#include "scheduler/search/trial.h"
#include "scheduler/search/unit_space.h"

namespace dl::scheduler {

struct Observation {
  TrialNumber number = 0;
  Point point;
  std::vector<double> losses;  // One per objective, less is better; finite, or +infinity.
};

class Observations {
 public:
  // In order of arrival.
  const std::vector<Observation>& all() const { return all_; }
  std::size_t size() const { return all_.size(); }
  // Indices into all(), best first. With several objectives: by Pareto front, within a front those
  // first that stand most alone (NSGA-II, Deb 2002). Earlier ones first among equals.
  const std::vector<std::uint32_t>& order() const;
  const Observation& best() const { return all_[order().front()]; }
  // Points of trials that still run.
  const std::map<TrialNumber, Point>& running() const { return running_; }

  void add(Observation observation);
  void clear();
  void set_running(TrialNumber number, Point point) { running_[number] = std::move(point); }
  void erase_running(TrialNumber number) { running_.erase(number); }

 private:
  std::vector<Observation> all_;
  mutable std::vector<std::uint32_t> order_;
  mutable bool is_ordered_ = true;
  std::map<TrialNumber, Point> running_;
};

// At least as good in all objectives, and better in one.
bool dominates(const std::vector<double>& a, const std::vector<double>& b);

// Indices of `losses` front by front, each in the order of crowding. Rows have equal sizes.
std::vector<std::vector<std::uint32_t>> pareto_fronts(
    const std::vector<std::vector<double>>& losses);

}  // namespace dl::scheduler
