// Documents that are no text, too large, too deep, or made to grow.

#include <catch2/catch.hpp>

#include "model/spec/parse.h"

namespace dl::spec {
namespace {

std::string shown(const std::string& document) {
  return to_string(parse(document).problems, "job.yaml");
}

TEST_CASE("a document over 1 MiB is refused unread", "[spec]") {
  CHECK(shown("command: a\n#" + std::string(2 << 20, 'x')) ==
        "job.yaml:1:1: the document has 2097164 bytes; at most 1048576 (1 MiB) are read\n");
  CHECK(shown("command: a\n#" + std::string((1 << 20) - 12, 'x')).empty());
}

TEST_CASE("bytes that are no UTF-8 are refused with their place", "[spec]") {
  const auto* bytes = GENERATE("\xff", "\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                               "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\xc3");
  const std::string text = shown(std::string("name: x\ncommand: ") + bytes);
  CHECK_THAT(text, Catch::StartsWith("job.yaml:2:10: byte 0x"));
  CHECK_THAT(text, Catch::EndsWith("at offset 17 is not UTF-8; save the document as UTF-8\n"));
  CHECK(parse("command: \xE2\x82\xAC \xF0\x9F\x98\x80").spec->command ==
        "\xE2\x82\xAC \xF0\x9F\x98\x80");
}

TEST_CASE("a NUL is refused, as a byte and as an escape", "[spec]") {
  CHECK(shown(std::string("command: a\0b", 12)) ==
        "job.yaml:1:11: a NUL byte stands at offset 10; a spec is text, not a binary file\n");
  CHECK(
      shown("command: \"a\\0b\"") ==
      "job.yaml:1:10: command: holds a NUL character, which no program can be given; remove it\n");
  CHECK(
      shown(R"({"command": "a\u0000b"})") ==
      "job.yaml:1:13: command: holds a NUL character, which no program can be given; remove it\n");
}

// Nine aliases a line, each of nine of the line above: 9^lines values.
std::string bomb(int lines) {
  std::string text = "command: a\nenv:\n  a0: &a0 x\n";
  for (int i = 1; i <= lines; ++i) {
    text += "  a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 9; ++j) text += "*a" + std::to_string(i - 1) + (j < 8 ? ", " : "]\n");
  }
  return text;
}

TEST_CASE("a YAML bomb is refused before it is expanded", "[spec]") {
  CHECK(shown(bomb(30)) ==
        "job.yaml:7:7: the document has more than 10000 values, aliases expanded; write less\n");
}

TEST_CASE("deep nesting is refused in either language", "[spec]") {
  CHECK(shown("command: a\nenv: " + std::string(1'000, '[') + std::string(1'000, ']')) ==
        "job.yaml:2:69: the document is nested deeper than 64 levels\n");
  CHECK_FALSE(parse("command: a\nenv: " + std::string(500'000, '[')).spec);
  std::string json = "{\"command\": ";
  for (int i = 0; i < 100'000; ++i) json += "{\"a\":";
  CHECK_THAT(shown(json), Catch::EndsWith("the document is nested deeper than 64 levels\n"));
}

TEST_CASE("at most fifty problems are listed", "[spec]") {
  std::string text = "command: a\n";
  for (int i = 0; i < 80; ++i) text += "zzzzzz" + std::to_string(i) + ": 1\n";
  const ParseResult result = parse(text);
  CHECK(result.problems.size() == 51);
  CHECK(result.problems.back().message == "30 more problems are not shown");
}

}  // namespace
}  // namespace dl::spec
