// Constraint is a comparison between parameters that every trial must meet: "hidden2 <= hidden1",
// "train.batch_size * accumulate <= 4096".
//
// Grammar: side, one of < <= > >= == !=, side. A side is made of numbers, names of parameters,
// + - * / and parentheses; one that is a single name or a text in single quotes may be compared
// by == and != whatever its type.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/search_space.h"

namespace dl {

class Constraint {
 public:
  // kInvalidArgument: what is wrong with the text, and at which character.
  static Result<Constraint> parse(std::string_view text);

  const std::string& text() const { return text_; }
  // The parameters it speaks of, each once, in order of appearance.
  const std::vector<std::string>& names() const { return names_; }
  // Whether a side calculates with the name, so that its parameter must be a number.
  bool calculates_with(std::string_view name) const;

  // True also when a parameter it speaks of is not in the assignment: it binds what is there.
  // False when a division by zero or a text where a number belongs leaves no answer.
  bool holds(const Assignment& assignment) const;

  friend bool operator==(const Constraint& a, const Constraint& b) { return a.text_ == b.text_; }

 private:
  friend class ConstraintReader;

  // One step of a side in postfix order.
  struct Step {
    enum class Kind : std::uint8_t { kNumber, kText, kName, kAdd, kSubtract, kMultiply, kDivide };
    Kind kind;
    double number = 0;
    std::string text;  // Of a text, and of a name.
  };
  using Side = std::vector<Step>;
  enum class Comparison : std::uint8_t { kLess, kAtMost, kGreater, kAtLeast, kEqual, kUnequal };

  static std::optional<ParameterValue> value_of(const Side& side, const Assignment& assignment);

  std::string text_;
  std::vector<std::string> names_;
  Side left_;
  Side right_;
  Comparison comparison_ = Comparison::kEqual;
};

}  // namespace dl
