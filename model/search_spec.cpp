#include "model/search_spec.h"

#include <algorithm>

namespace dl {
namespace {

// The point in the parameters' order, so that a child sees its parent.
Assignment completed(const Parameters& parameters, const Assignment& point) {
  Assignment complete;
  for (const Parameter& parameter : parameters) {
    if (!is_active(parameter, complete)) continue;
    const auto given = point.find(parameter.name);
    if (given != point.end()) {
      complete[parameter.name] = given->second;
    } else if (parameter.initial) {
      complete[parameter.name] = *parameter.initial;
    } else if (parameter.is_constant()) {
      complete[parameter.name] = std::get<Choices>(parameter.domain).values.front();
    }
  }
  return complete;
}

}  // namespace

std::vector<Assignment> first_points(const SearchSpec& search) {
  std::vector<Assignment> points;
  for (const Assignment& point : search.initial_points)
    points.push_back(completed(search.parameters, point));
  const bool has_default =
      std::any_of(search.parameters.begin(), search.parameters.end(),
                  [](const Parameter& parameter) { return parameter.initial.has_value(); });
  if (points.empty() && has_default) points.push_back(completed(search.parameters, {}));
  return points;
}

}  // namespace dl
