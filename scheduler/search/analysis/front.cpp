#include "scheduler/search/analysis/front.h"

#include <algorithm>
#include <cmath>

#include "scheduler/search/sampler/observations.h"

namespace dl::scheduler {
namespace {

bool is_finite(const Losses& losses) {
  return !losses.empty() &&
         std::all_of(losses.begin(), losses.end(), [](double loss) { return std::isfinite(loss); });
}

// Of the first `objectives` coordinates; `points` are all better than the reference.
double volume(std::vector<Losses> points, const Losses& reference, std::size_t objectives) {
  if (points.empty()) return 0;
  const std::size_t last = objectives - 1;
  std::sort(points.begin(), points.end(),
            [&](const Losses& a, const Losses& b) { return a[last] < b[last]; });
  if (objectives == 1) return reference[0] - points.front()[0];
  double sum = 0;
  std::vector<Losses> slice;
  for (std::size_t k = 0; k < points.size(); ++k) {
    slice.push_back(points[k]);
    const double end = k + 1 < points.size() ? points[k + 1][last] : reference[last];
    if (end > points[k][last]) sum += (end - points[k][last]) * volume(slice, reference, last);
  }
  return sum;
}

}  // namespace

std::vector<std::uint32_t> pareto_front(std::span<const Losses> losses) {
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < losses.size(); ++i) {
    if (is_finite(losses[i])) order.push_back(i);
  }
  // In this order none is dominated by a later one.
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return losses[a] != losses[b] ? losses[a] < losses[b] : a < b; });
  std::vector<std::uint32_t> front;
  for (const auto i : order) {
    const bool beaten = std::any_of(front.begin(), front.end(), [&](auto other) {
      return dominates(losses[other], losses[i]);
    });
    if (!beaten) front.push_back(i);
  }
  std::sort(front.begin(), front.end());
  return front;
}

double hypervolume(std::span<const Losses> losses, const Losses& reference) {
  std::vector<Losses> points;
  for (const auto i : pareto_front(losses)) {
    const Losses& point = losses[i];
    const bool counts = std::equal(point.begin(), point.end(), reference.begin(), reference.end(),
                                   [](double loss, double limit) { return loss < limit; });
    if (counts) points.push_back(point);
  }
  return volume(std::move(points), reference, reference.size());
}

Losses worst_of(std::span<const Losses> losses) {
  Losses worst;
  for (const Losses& row : losses) {
    if (!is_finite(row)) continue;
    if (worst.empty()) worst = row;
    for (std::size_t k = 0; k < row.size(); ++k) worst[k] = std::max(worst[k], row[k]);
  }
  return worst;
}

}  // namespace dl::scheduler
