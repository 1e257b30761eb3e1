#include "scheduler/search/sampler/simple.h"

#include <limits>

#include "scheduler/search/numeric/sobol_sequence.h"

namespace dl::scheduler {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

std::uint64_t purpose_of(TrialNumber number, std::uint32_t attempt) {
  return (std::uint64_t{number} << 32) | attempt;
}

}  // namespace

Grid::Grid(const UnitSpace& space, std::size_t skipped) : space_(space), skipped_(skipped) {
  Point point(space.size(), kNone);
  extend(point, 0);
}

void Grid::extend(Point& point, std::size_t axis) {
  if (points_.size() >= kGridPointsMax) return;
  if (axis == space_.size()) {
    if (space_.meets_constraints(point)) points_.push_back(point);
    return;
  }
  point[axis] = kNone;
  if (!space_.is_active(axis, point)) return extend(point, axis + 1);
  const Parameter& parameter = space_.parameters()[axis];
  const auto values = grid_values(parameter);
  if (values.empty()) {
    point[axis] = space_.snapped(axis, 0.5);
    extend(point, axis + 1);
  }
  for (const ParameterValue& value : values) {
    point[axis] = space_.coordinate_of(axis, value);
    extend(point, axis + 1);
  }
  point[axis] = kNone;
}

std::optional<Point> Grid::sample(const Observations&, TrialNumber number, std::uint32_t) {
  const std::size_t index = number - 1 - std::min<std::size_t>(number - 1, skipped_);
  if (index >= points_.size()) return std::nullopt;
  return points_[index];
}

std::optional<Point> Random::sample(const Observations&, TrialNumber number,
                                    std::uint32_t attempt) {
  RandomStream random(seed_, purpose_of(number, attempt));
  return space_.random_point(random);
}

std::optional<Point> Sobol::sample(const Observations& observations, TrialNumber number,
                                   std::uint32_t attempt) {
  if (attempt > 0) return Random::sample(observations, number, attempt);
  const auto coordinates = SobolSequence(space_.size(), seed_).point(number - 1);
  Point point(space_.size(), kNone);
  for (std::size_t i = 0; i < space_.size(); ++i) {
    if (space_.is_active(i, point)) point[i] = space_.coordinate_at_share(i, coordinates[i]);
  }
  return point;
}

}  // namespace dl::scheduler
