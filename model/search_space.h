// What a search may vary: parameters, the values each can take, and what one trial takes of them.
//
// Pure values. The algorithms sample them (scheduler/search), model/spec reads and writes them and
// puts an assignment into a job (spec::apply_assignment).

#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace dl {

// A number that is whole is an int64 wherever its domain holds whole numbers only, else a double.
using ParameterValue = std::variant<bool, std::int64_t, double, std::string>;

// The values of one trial by the names of their parameters. Parameters whose condition does not
// hold are not in it.
using Assignment = std::map<std::string, ParameterValue>;

// "true", "32", "0.001", "adam": numbers in the shortest form that reads back as the same.
std::string to_string(const ParameterValue& value);

// The value as a number; nullopt of a text or a truth.
std::optional<double> as_number(const ParameterValue& value);

// In what a range is even: what is sampled uniformly, and what a model of it should see.
enum class Scale : std::uint8_t {
  kLinear,      // x
  kLog,         // log x; low > 0
  kReverseLog,  // log(ceiling − x); ceiling > high
};

// low ≤ x ≤ high; low < high. With a step only low + k·step.
struct Range {
  double low = 0;
  double high = 1;
  double step = 0;  // 0: any number; whole numbers have at least 1.
  Scale scale = Scale::kLinear;
  double ceiling = 0;  // kReverseLog: Vizier's is low + high, the default; SageMaker's is 1.
  bool whole = false;

  friend bool operator==(const Range&, const Range&) = default;
};

// Some numbers, rising, whose order means something.
struct Numbers {
  std::vector<double> values;
  bool whole = false;  // All of them are.

  friend bool operator==(const Numbers&, const Numbers&) = default;
};

// Values without an order: words, truths, lists written as text. A single one is a constant.
struct Choices {
  std::vector<ParameterValue> values;
  std::vector<double> weights;  // Of each, not normalized; empty: all alike.

  friend bool operator==(const Choices&, const Choices&) = default;
};

// Normally distributed, or its logarithm is; cut to [low, high] and rounded to multiples of step.
struct Normal {
  double mean = 0;  // Of log x with `log`.
  double deviation = 1;
  bool log = false;
  double step = 0;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  bool whole = false;

  friend bool operator==(const Normal&, const Normal&) = default;
};

using Domain = std::variant<Range, Numbers, Choices, Normal>;

// A parameter with a condition is there when its parent is there and has one of these values.
struct Condition {
  std::string parent;
  std::vector<ParameterValue> values;

  friend bool operator==(const Condition&, const Condition&) = default;
};

struct Parameter {
  std::string name;  // A key of the spec, "train.learning_rate", or a word for "${lr}".
  Domain domain;
  std::optional<ParameterValue> initial;  // `default`: tried first, see first_points.
  std::optional<Condition> condition;
  std::uint32_t points = 0;  // Grid points of a range without a step, or of one cut coarser.

  bool is_constant() const;
  friend bool operator==(const Parameter&, const Parameter&) = default;
};

// Parents stand before their children.
using Parameters = std::vector<Parameter>;

// Whether a parameter can take the value; an int64 is fine where a double is, and a double where
// it is whole.
bool contains(const Domain& domain, const ParameterValue& value);

// The value in the type that its domain has: 32.0 becomes an int64 in a whole range. Nullopt when
// the domain does not contain it.
std::optional<ParameterValue> fitted(const Domain& domain, const ParameterValue& value);

// Whether `parameter` is there beside the values in `assignment`, which has its parents' values.
bool is_active(const Parameter& parameter, const Assignment& assignment);

// The values a grid takes of one parameter, in order; empty when it is continuous and says
// neither step nor points. Points are even on the range's scale, its ends included.
std::vector<ParameterValue> grid_values(const Parameter& parameter);

// How many values grid_values gives, without making them.
std::uint64_t count_grid_values(const Parameter& parameter);

// The points of the grid over all parameters, where children count only under the values of
// their parents that let them be. 2^64 − 1 stands for more than can be counted.
std::uint64_t count_grid(std::span<const Parameter> parameters);

}  // namespace dl
