#include "model/constraint.h"

#include <catch2/catch.hpp>

namespace dl {
namespace {

bool holds(const std::string& text, const Assignment& assignment) {
  const auto constraint = Constraint::parse(text);
  INFO(text);
  REQUIRE(constraint.has_value());
  return constraint->holds(assignment);
}

TEST_CASE("a constraint compares numbers of any kind", "[search]") {
  const Assignment point = {{"a", std::int64_t{3}}, {"b.c", 1.5}, {"word", std::string("sgd")}};
  CHECK(holds("a == 3.0", point));
  CHECK(holds("a * 2 + 1 >= 7", point));
  CHECK_FALSE(holds("a * (2 + 1) <= 8", point));
  CHECK(holds("b.c < a - 1", point));
  CHECK(holds("-a < -2", point));
  CHECK(holds("a / b.c == 2", point));
  CHECK(holds("10 - 4 - 3 == a", point));
  CHECK(holds("1e1 > a", point));
  CHECK(holds("word == 'sgd'", point));
  CHECK(holds("word != 'adam'", point));
  CHECK_FALSE(holds("word < a", point));
}

TEST_CASE("a constraint binds only what is there, and needs an answer", "[search]") {
  CHECK(holds("a <= missing", {{"a", 5.0}}));
  CHECK_FALSE(holds("1 / a > 0", {{"a", 0.0}}));
  CHECK_FALSE(holds("a + 1 > 0", {{"a", std::string("x")}}));
  CHECK(holds("flag == 'true'", {{"flag", true}}));
}

TEST_CASE("a constraint knows its names and which of them it calculates with", "[search]") {
  const auto constraint = Constraint::parse("a.b * a.b <= c");
  REQUIRE(constraint.has_value());
  CHECK(constraint->names() == std::vector<std::string>{"a.b", "c"});
  CHECK(constraint->calculates_with("a.b"));
  CHECK(constraint->calculates_with("c"));
  CHECK_FALSE(Constraint::parse("c == 'x'")->calculates_with("c"));
}

TEST_CASE("a text that is no comparison is refused at its place", "[search]") {
  const auto refused = [](const std::string& text) {
    const auto constraint = Constraint::parse(text);
    REQUIRE_FALSE(constraint.has_value());
    const std::string& message = constraint.error().message;
    return message.substr(0, message.find(';'));
  };
  CHECK(refused("a b") == "one of < <= > >= == != is expected at character 3");
  CHECK(refused("a <= ") == "a name or a number is expected at character 6");
  CHECK(refused("(a + 1 < 2") == "\")\" is expected at character 8");
  CHECK(refused("a < 1 < 2") == "the comparison should end at character 7");
  CHECK(refused("a == 'x") == "a text in quotes does not end at character 6");
  CHECK(refused("a & 1 < 2") == "one of < <= > >= == != is expected at character 3");
  CHECK(refused("") == "a name or a number is expected at character 1");
  CHECK(refused(std::string(100, '(') + "a < 1") ==
        "parentheses are nested too deep at character 34");
  CHECK(refused(std::string(1001, 'a')) == "has more than 1000 characters");
}

}  // namespace
}  // namespace dl
