#include "scheduler/search/sampler/tpe.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/sampler/simple.h"

namespace dl::scheduler {
namespace {

// More of the rest add nothing to its density but time.
constexpr std::size_t kBadMax = 128;

// The good ones: a tenth of the trials, at most so many.
constexpr double kGoodShare = 0.1;
constexpr double kGoodMax = 25;

// A wholly discrete space whose candidates have all been tried: so many random points instead.
constexpr int kDiscreteDraws = 32;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

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

// Has no value on any of them.
bool lacks(const Point& point, const std::vector<std::size_t>& axes) {
  return std::all_of(axes.begin(), axes.end(),
                     [&](std::size_t axis) { return std::isnan(point[axis]); });
}

}  // namespace

Tpe::Tpe(const TpeSpec& spec, std::uint64_t seed, const UnitSpace& space)
    : spec_(spec), seed_(seed), space_(space), is_discrete_(true) {
  for (std::size_t i = 0; i < space.size(); ++i)
    is_discrete_ = is_discrete_ && space.axis(i).kind != Axis::Kind::kContinuous;
}

Mixture Tpe::good_of(const Observations& observations, const Axes& axes, std::size_t count) const {
  std::vector<const Point*> points;
  std::vector<double> weights;
  for (std::size_t i = 0; i < count; ++i) {
    const Point& point = observations.all()[observations.order()[i]].point;
    if (lacks(point, axes)) continue;
    points.push_back(&point);
    const double rank = static_cast<double>(i) + 1;
    // As in CMA-ES, so that the best say most of where to go on.
    weights.push_back(log_of(static_cast<double>(count) + 1) - log_of(rank));
  }
  return {space_, axes, points, weights, {}};
}

Mixture Tpe::bad_of(const Observations& observations, const Axes& axes, std::size_t good) const {
  std::vector<const Point*> points;
  const auto add = [&](const Point& point) {
    if (!lacks(point, axes)) points.push_back(&point);
  };
  const std::size_t rest = observations.size() - good;
  const std::size_t kept = std::min(rest, kBadMax);
  for (std::size_t i = 0; i < kept; ++i) {
    const std::size_t rank = good + i * rest / kept;  // Evenly over the ranks.
    add(observations.all()[observations.order()[rank]].point);
  }
  if (spec_.constant_liar) {
    for (const auto& [number, point] : observations.running()) add(point);
  }
  const std::vector<double> weights(points.size(), 1.0);
  return {space_, axes, points, weights, {}};
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

std::vector<Point> Tpe::candidates(const Observations& observations, const Axes& axes,
                                   const Point& start, RandomStream& random) const {
  const std::size_t good = good_count(observations.size());
  const Mixture promising = good_of(observations, axes, good);
  const Mixture rest = bad_of(observations, axes, good);

  std::vector<Point> drawn;
  for (std::uint32_t i = 0; i < std::max(1U, spec_.candidates); ++i)
    drawn.push_back(promising.sample(start, random));
  std::vector<double> scores(drawn.size(), 0);
  promising.add_log_density(drawn, 1, scores);
  rest.add_log_density(drawn, -1, scores);

  std::vector<std::size_t> order(drawn.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  std::vector<Point> ordered;
  for (const std::size_t i : order) ordered.push_back(std::move(drawn[i]));
  return ordered;
}

Point Tpe::one_by_one(const Observations& observations, RandomStream& random) const {
  Point point(space_.size(), kNone);
  for (std::size_t i = 0; i < space_.size(); ++i) {
    if (space_.is_active(i, point)) point = candidates(observations, {i}, point, random).front();
  }
  return point;
}

bool Tpe::is_usable(const Observations& observations, const Point& point) const {
  return space_.meets_constraints(point) && !(is_discrete_ && was_tried(observations, point));
}

std::optional<Point> Tpe::sample(const Observations& observations, TrialNumber number,
                                 std::uint32_t attempt) {
  if (observations.size() < std::max<std::size_t>(2, spec_.startup_trials))
    return Sobol(seed_, space_).sample(observations, number, attempt);
  RandomStream random(seed_, (std::uint64_t{number} << 32) | attempt);
  std::vector<Point> found;
  if (spec_.multivariate) {
    Axes all(space_.size());
    std::iota(all.begin(), all.end(), 0);
    found = candidates(observations, all, Point(space_.size(), kNone), random);
  } else {
    found = {one_by_one(observations, random)};
  }
  for (const Point& point : found) {
    if (is_usable(observations, point)) return point;
  }
  for (int draw = 0; is_discrete_ && draw < kDiscreteDraws; ++draw) {
    Point point = space_.random_point(random);
    if (is_usable(observations, point)) return point;
  }
  return found.front();
}

}  // namespace dl::scheduler
