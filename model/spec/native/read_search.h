// The values of the `search` block that are more than one word: parameters with their ranges,
// points, constraints, objectives.
//
// What a value says alone is checked here, what it means beside the rest of the job in
// check_search.

#pragma once

#include <optional>
#include <string>

#include "model/spec/document.h"
#include "model/spec/keys.h"

namespace dl::spec::native {

// Values of one parameter that are listed; more are refused.
inline constexpr std::size_t kListedValuesMax = 1000;
inline constexpr std::size_t kParametersMax = 500;

// Each reads one kind of value. False when it was wrong and a problem was added.
bool read_parameters(const Node& node, const std::string& path, Parameters& parameters,
                     Problems& problems);
bool read_points(const Node& node, const std::string& path, Points& points, Problems& problems);
bool read_constraints(const Node& node, const std::string& path, Constraints& constraints,
                      Problems& problems);
bool read_objectives(const Node& node, const std::string& path, Objectives& objectives,
                     Problems& problems);

// true, 5, 0.5, adam; a list becomes its text: "[200, 200]". Nullopt of nothing and of a mapping.
std::optional<ParameterValue> read_parameter_value(const Node& node);

// A node in words, for "…, not a list of 2".
std::string show(const Node& node);

// "; did you mean \"x\"?", or else what there is: "; known here: a, b".
std::string advice(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace dl::spec::native
