// UnitSpace maps assignments to points that numeric methods work on, and back.
//
// A numeric parameter is a coordinate in [0, 1], even on the parameter's own scale: log, reverse
// log, the distribution function of a normal one, or the index of a listed number. A value of a
// parameter with steps stands in the middle of its cell. A choice is a category: its index.

#pragma once

#include <cstdint>
#include <vector>

#include "model/constraint.h"
#include "model/search_space.h"
#include "scheduler/search/random_stream.h"

namespace dl::scheduler {

// One entry per parameter, in their order; NaN of one that is not active.
using Point = std::vector<double>;

struct Axis {
  enum class Kind : std::uint8_t { kContinuous, kStepped, kCategory };
  Kind kind = Kind::kContinuous;
  std::uint32_t categories = 0;    // kCategory.
  std::vector<double> weights;     // kCategory: normalized probabilities.
  double levels = 0;               // kStepped: how many values; may be very many.
  int parent = -1;                 // Axis it depends on.
  std::vector<bool> active_under;  // By category of the parent, if that is a category.

  bool is_category() const { return kind == Kind::kCategory; }
};

class UnitSpace {
 public:
  explicit UnitSpace(Parameters parameters, std::vector<Constraint> constraints = {});

  std::size_t size() const { return axes_.size(); }
  const Parameters& parameters() const { return parameters_; }
  const Axis& axis(std::size_t i) const { return axes_[i]; }
  // No parameter depends on another.
  bool is_flat() const { return flat_; }

  // Whether parameter i is there, by the parents' coordinates before it.
  bool is_active(std::size_t i, const Point& point) const;
  // Values outside the domain (a spec that was changed) go to the nearest one.
  Point to_point(const Assignment& assignment) const;
  bool meets_constraints(const Point& point) const;
  bool has_constraints() const { return !constraints_.empty(); }
  // Inactive parameters are left out whatever their coordinate.
  Assignment to_assignment(const Point& point) const;
  // The coordinate of the value that `coordinate` stands for.
  double snapped(std::size_t i, double coordinate) const;
  // The next value's coordinate up (+1) or down (−1) of a stepped one; the same at the end.
  double neighbour(std::size_t i, double coordinate, int direction) const;
  double coordinate_of(std::size_t i, const ParameterValue& value) const;
  // The coordinate of the number nearest to x that a numeric parameter has.
  double coordinate_of_number(std::size_t i, double x) const {
    return snapped(i, coordinate_of(i, x));
  }
  // With the middle where an active coordinate is missing, else as normalized.
  Point completed(Point point) const;
  // Sets what is not active to NaN and snaps the rest.
  Point normalized(Point point) const;

  // Where `share` in (0, 1) of the parameter's prior is: uniform, or by the weights of choices.
  double coordinate_at_share(std::size_t i, double share) const;
  Point random_point(RandomStream& random) const;

 private:
  ParameterValue value_at(std::size_t i, double coordinate) const;

  Parameters parameters_;
  std::vector<Constraint> constraints_;
  std::vector<Axis> axes_;
  bool flat_ = true;
};

}  // namespace dl::scheduler
