#include "model/constraint.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace dl {
namespace {

constexpr std::size_t kTextBytesMax = 1000;
constexpr int kDepthMax = 32;

bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

// Reads by recursive descent; `error_` is the first thing that was wrong.
class ConstraintReader {
 public:
  using Kind = Constraint::Step::Kind;

  explicit ConstraintReader(std::string_view text) : text_(text) { result_.text_ = text; }

  Result<Constraint> read() {
    if (text_.size() > kTextBytesMax) {
      return invalid_argument("has more than " + std::to_string(kTextBytesMax) +
                              " characters; split it into several");
    }
    side_ = &result_.left_;
    if (!read_sum(0) || !read_comparison()) return failure();
    side_ = &result_.right_;
    if (!read_sum(0)) return failure();
    skip_space();
    if (at_ < text_.size() && !fail("the comparison should end")) return failure();
    return std::move(result_);
  }

 private:
  Error failure() const {
    return invalid_argument(error_ + " at character " + std::to_string(at_ + 1) +
                            "; write it like \"hidden2 <= hidden1\" or \"batch * workers < 4096\"");
  }

  bool fail(std::string what) {
    if (error_.empty()) error_ = std::move(what);
    return false;
  }

  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  bool take(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }

  bool read_comparison() {
    using enum Constraint::Comparison;
    constexpr std::pair<std::string_view, Constraint::Comparison> kWords[] = {
        {"<=", kAtMost},  {">=", kAtLeast}, {"==", kEqual},
        {"!=", kUnequal}, {"<", kLess},     {">", kGreater}};
    for (const auto& [word, comparison] : kWords) {
      if (!take(word)) continue;
      result_.comparison_ = comparison;
      return true;
    }
    return fail("one of < <= > >= == != is expected");
  }

  bool read_sum(int depth) {
    if (!read_product(depth)) return false;
    while (true) {
      const bool adds = take("+");
      if (!adds && !take("-")) return true;
      if (!read_product(depth)) return false;
      side_->push_back({adds ? Kind::kAdd : Kind::kSubtract, 0, ""});
    }
  }

  bool read_product(int depth) {
    if (!read_value(depth)) return false;
    while (true) {
      const bool multiplies = take("*");
      if (!multiplies && !take("/")) return true;
      if (!read_value(depth)) return false;
      side_->push_back({multiplies ? Kind::kMultiply : Kind::kDivide, 0, ""});
    }
  }

  bool read_value(int depth) {
    if (depth > kDepthMax) return fail("parentheses are nested too deep");
    if (take("-")) {
      side_->push_back({Kind::kNumber, 0, ""});
      if (!read_value(depth + 1)) return false;
      side_->push_back({Kind::kSubtract, 0, ""});
      return true;
    }
    if (take("(")) {
      if (!read_sum(depth + 1)) return false;
      return take(")") || fail("\")\" is expected");
    }
    skip_space();
    if (at_ == text_.size()) return fail("a name or a number is expected");
    const char c = text_[at_];
    if (c == '\'') return read_text();
    if (is_digit(c) || c == '.') return read_number();
    if (is_name_start(c)) return read_name();
    return fail("a name or a number is expected");
  }

  bool read_text() {
    const auto end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) return fail("a text in quotes does not end");
    side_->push_back({Kind::kText, 0, std::string(text_.substr(at_ + 1, end - at_ - 1))});
    at_ = end + 1;
    return true;
  }

  bool read_number() {
    double number = 0;
    const char* start = text_.data() + at_;
    const auto [end, error] = std::from_chars(start, text_.data() + text_.size(), number);
    if (error != std::errc{}) return fail("a number is expected");
    at_ += static_cast<std::size_t>(end - start);
    side_->push_back({Kind::kNumber, number, ""});
    return true;
  }

  bool read_name() {
    const std::size_t start = at_;
    while (at_ < text_.size() &&
           (is_name_start(text_[at_]) || is_digit(text_[at_]) || text_[at_] == '.')) {
      ++at_;
    }
    std::string name(text_.substr(start, at_ - start));
    auto& names = result_.names_;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    side_->push_back({Kind::kName, 0, std::move(name)});
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string error_;
  Constraint result_;
  Constraint::Side* side_ = nullptr;
};

Result<Constraint> Constraint::parse(std::string_view text) {
  return ConstraintReader(text).read();
}

bool Constraint::calculates_with(std::string_view name) const {
  const bool orders = comparison_ != Comparison::kEqual && comparison_ != Comparison::kUnequal;
  const auto uses = [&](const Side& side) {
    return (orders || side.size() > 1) &&
           std::any_of(side.begin(), side.end(), [&](const Step& step) {
             return step.kind == Step::Kind::kName && step.text == name;
           });
  };
  return uses(left_) || uses(right_);
}

std::optional<ParameterValue> Constraint::value_of(const Side& side, const Assignment& assignment) {
  using Kind = Step::Kind;
  if (side.size() == 1 && side.front().kind != Kind::kNumber) {
    if (side.front().kind == Kind::kText) return side.front().text;
    return assignment.at(side.front().text);
  }
  std::vector<double> stack;
  for (const Step& step : side) {
    if (step.kind == Kind::kNumber) {
      stack.push_back(step.number);
    } else if (step.kind == Kind::kText) {
      return std::nullopt;
    } else if (step.kind == Kind::kName) {
      const auto number = as_number(assignment.at(step.text));
      if (!number) return std::nullopt;
      stack.push_back(*number);
    } else {
      const double right = stack.back();
      stack.pop_back();
      double& left = stack.back();
      switch (step.kind) {
        case Kind::kAdd: left += right; break;
        case Kind::kSubtract: left -= right; break;
        case Kind::kMultiply: left *= right; break;
        default: left /= right; break;
      }
    }
  }
  if (!std::isfinite(stack.back())) return std::nullopt;
  return stack.back();
}

bool Constraint::holds(const Assignment& assignment) const {
  for (const std::string& name : names_) {
    if (!assignment.contains(name)) return true;
  }
  const auto left = value_of(left_, assignment);
  const auto right = value_of(right_, assignment);
  if (!left || !right) return false;
  const auto x = as_number(*left), y = as_number(*right);
  switch (comparison_) {
    case Comparison::kEqual: return x && y ? *x == *y : to_string(*left) == to_string(*right);
    case Comparison::kUnequal: return x && y ? *x != *y : to_string(*left) != to_string(*right);
    case Comparison::kLess: return x && y && *x < *y;
    case Comparison::kAtMost: return x && y && *x <= *y;
    case Comparison::kGreater: return x && y && *x > *y;
    case Comparison::kAtLeast: return x && y && *x >= *y;
  }
  return false;
}

}  // namespace dl
