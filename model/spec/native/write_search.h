// The inverse of read_search: what is more than one word of the `search` block, as a tree.

#pragma once

#include "model/spec/document.h"
#include "model/spec/keys.h"

namespace dl::spec::native {

Node write_parameters(const Parameters& parameters);
Node write_points(const Points& points);
Node write_constraints(const Constraints& constraints);
Node write_objectives(const Objectives& objectives);

Node write_parameter_value(const ParameterValue& value);

}  // namespace dl::spec::native
