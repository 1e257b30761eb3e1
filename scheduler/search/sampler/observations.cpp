#include "scheduler/search/sampler/observations.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace dl::scheduler {
namespace {

// Sorts a front so that those far from their neighbours come first.
void sort_by_crowding(std::vector<std::uint32_t>& front,
                      const std::vector<std::vector<double>>& losses) {
  constexpr double kFar = std::numeric_limits<double>::infinity();
  std::vector<double> distance(losses.size(), 0);
  const std::size_t objectives = losses[front.front()].size();
  for (std::size_t k = 0; k < objectives; ++k) {
    std::stable_sort(front.begin(), front.end(),
                     [&](auto a, auto b) { return losses[a][k] < losses[b][k]; });
    const double extent = losses[front.back()][k] - losses[front.front()][k];
    distance[front.front()] = distance[front.back()] = kFar;
    if (!(extent > 0) || extent == kFar) continue;
    for (std::size_t i = 1; i + 1 < front.size(); ++i)
      distance[front[i]] += (losses[front[i + 1]][k] - losses[front[i - 1]][k]) / extent;
  }
  std::sort(front.begin(), front.end(), [&](auto a, auto b) {
    return distance[a] != distance[b] ? distance[a] > distance[b] : a < b;
  });
}

}  // namespace

bool dominates(const std::vector<double>& a, const std::vector<double>& b) {
  bool better = false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k] > b[k]) return false;
    better = better || a[k] < b[k];
  }
  return better;
}

std::vector<std::vector<std::uint32_t>> pareto_fronts(
    const std::vector<std::vector<double>>& losses) {
  const std::size_t count = losses.size();
  std::vector<std::vector<std::uint32_t>> beaten(count);
  std::vector<std::uint32_t> beaten_by(count, 0);
  for (std::uint32_t a = 0; a < count; ++a) {
    for (std::uint32_t b = 0; b < count; ++b) {
      if (!dominates(losses[a], losses[b])) continue;
      beaten[a].push_back(b);
      ++beaten_by[b];
    }
  }
  std::vector<std::vector<std::uint32_t>> fronts;
  std::vector<std::uint32_t> front;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (beaten_by[i] == 0) front.push_back(i);
  }
  while (!front.empty()) {
    std::vector<std::uint32_t> next;
    for (const std::uint32_t a : front) {
      for (const std::uint32_t b : beaten[a]) {
        if (--beaten_by[b] == 0) next.push_back(b);
      }
    }
    std::sort(front.begin(), front.end());
    sort_by_crowding(front, losses);
    fronts.push_back(std::move(front));
    front = std::move(next);
  }
  return fronts;
}

const std::vector<std::uint32_t>& Observations::order() const {
  if (!is_ordered_) {
    std::vector<std::vector<double>> losses;
    for (const Observation& observation : all_) losses.push_back(observation.losses);
    order_.clear();
    for (const auto& front : pareto_fronts(losses))
      order_.insert(order_.end(), front.begin(), front.end());
    is_ordered_ = true;
  }
  return order_;
}

void Observations::add(Observation observation) {
  const auto index = static_cast<std::uint32_t>(all_.size());
  if (observation.losses.size() == 1 && is_ordered_) {
    const auto place = std::upper_bound(
        order_.begin(), order_.end(), observation.losses[0],
        [&](double loss, std::uint32_t other) { return loss < all_[other].losses[0]; });
    order_.insert(place, index);
  } else {
    is_ordered_ = false;
  }
  all_.push_back(std::move(observation));
}

void Observations::clear() {
  all_.clear();
  order_.clear();
  is_ordered_ = true;
}

}  // namespace dl::scheduler
