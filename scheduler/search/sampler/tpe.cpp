#include "scheduler/search/sampler/tpe.h"

#include <algorithm>
#include <cmath>

#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/sampler/simple.h"

namespace dl::scheduler {
namespace {

// More of the rest add nothing to its density but time.
constexpr std::size_t kBadMax = 256;

// The good ones: a tenth of the trials, at most so many.
constexpr double kGoodShare = 0.1;
constexpr double kGoodMax = 25;

std::size_t good_count(std::size_t trials) {
  const double share = std::ceil(kGoodShare * static_cast<double>(trials));
  return static_cast<std::size_t>(std::min(share, kGoodMax));
}

bool same_point(const Point& a, const Point& b) {
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i] != b[i] && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

}  // namespace

Tpe::Tpe(const TpeSpec& spec, std::uint64_t seed, const UnitSpace& space)
    : spec_(spec), seed_(seed), space_(space), is_discrete_(true) {
  for (std::size_t i = 0; i < space.size(); ++i)
    is_discrete_ = is_discrete_ && space.axis(i).kind != Axis::Kind::kContinuous;
}

Mixture Tpe::good_of(const Observations& observations, std::size_t count) const {
  std::vector<const Point*> points;
  std::vector<double> weights;
  for (std::size_t i = 0; i < count; ++i) {
    points.push_back(&observations.all()[observations.order()[i]].point);
    const double rank = static_cast<double>(i) + 1;
    // As in CMA-ES, so that the best say most of where to go on.
    weights.push_back(log_of(static_cast<double>(count) + 1) - log_of(rank));
  }
  return {space_, points, weights, {}};
}

Mixture Tpe::bad_of(const Observations& observations, std::size_t good) const {
  std::vector<const Point*> points;
  const std::size_t rest = observations.size() - good;
  const std::size_t kept = std::min(rest, kBadMax);
  for (std::size_t i = 0; i < kept; ++i) {
    const std::size_t rank = good + i * rest / kept;  // Evenly over the ranks.
    points.push_back(&observations.all()[observations.order()[rank]].point);
  }
  if (spec_.constant_liar) {
    for (const auto& [number, point] : observations.running()) points.push_back(&point);
  }
  const std::vector<double> weights(points.size(), 1.0);
  return {space_, points, weights, {}};
}

bool Tpe::was_tried(const Observations& observations, const Point& point) const {
  for (const Observation& other : observations.all()) {
    if (same_point(other.point, point)) return true;
  }
  for (const auto& [number, other] : observations.running()) {
    if (same_point(other, point)) return true;
  }
  return false;
}

std::optional<Point> Tpe::sample(const Observations& observations, TrialNumber number,
                                 std::uint32_t attempt) {
  if (observations.size() < std::max<std::size_t>(2, spec_.startup_trials))
    return Sobol(seed_, space_).sample(observations, number, attempt);
  const std::size_t good = good_count(observations.size());
  const Mixture promising = good_of(observations, good);
  const Mixture rest = bad_of(observations, good);

  RandomStream random(seed_, (std::uint64_t{number} << 32) | attempt);
  std::vector<Point> candidates;
  for (std::uint32_t i = 0; i < std::max(1U, spec_.candidates); ++i)
    candidates.push_back(promising.sample(random));
  std::vector<double> scores(candidates.size(), 0);
  promising.add_log_density(candidates, 1, scores);
  rest.add_log_density(candidates, -1, scores);

  std::vector<std::size_t> order(candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  for (const std::size_t i : order) {
    const bool feasible = space_.meets_constraints(candidates[i]);
    if (feasible && !(is_discrete_ && was_tried(observations, candidates[i]))) return candidates[i];
  }
  return is_discrete_ ? space_.random_point(random) : candidates[order.front()];
}

}  // namespace dl::scheduler
