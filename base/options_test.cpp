#include "base/options.h"

#include <catch2/catch.hpp>

#include "base/nearest.h"
#include "base/quantity.h"

namespace dl {
namespace {

using namespace std::chrono_literals;

Options sample() {
  return Options({
      {"lost_after", OptionType::kDuration, "30s", "A silent node is given up after this", "1s",
       "1h"},
      {"journal_max", OptionType::kBytes, "64MiB", "Where the journal is cut", "1MiB", ""},
      {"cpus", OptionType::kInteger, "0", "CPUs offered", "0", "4096"},
      {"state_dir", OptionType::kPath, "", "Where the state is", "", "", {}, "DL_STATE_DIR"},
      {"log_format",
       OptionType::kString,
       "text",
       "How a line is written",
       "",
       "",
       {"text", "json"}},
      {"gpus", OptionType::kList, "", "GPUs offered"},
      {"color", OptionType::kBool, "true", "Coloured output"},
  });
}

Result<std::vector<std::string>> parse(Options& options, std::vector<const char*> arguments) {
  return options.parse_flags(arguments);
}

TEST_CASE("a value from a stronger source wins, whatever the order", "[options]") {
  Options options = sample();
  CHECK(options.duration("lost_after") == 30s);
  CHECK_FALSE(options.is_set("lost_after"));
  REQUIRE(parse(options, {"--lost-after", "40s"}).has_value());
  REQUIRE(options.set("lost_after", "50s", OptionSource::kFile));
  CHECK(options.duration("lost_after") == 40s);
  REQUIRE(options.set("state_dir", "/file", OptionSource::kFile));
  REQUIRE(options.read_environment([](const char* name) -> const char* {
    return std::string_view(name) == "DL_STATE_DIR" ? "/env" : nullptr;
  }));
  CHECK(options.path("state_dir") == "/env");
  CHECK(options.is_set("state_dir"));
}

TEST_CASE("flags take a value after a blank or an equals sign", "[options]") {
  Options options = sample();
  const auto rest =
      parse(options, {"--cpus=8", "--no-color", "--gpus", "0", "--gpus=1,3", "extra"});
  REQUIRE(rest.has_value());
  CHECK(*rest == std::vector<std::string>{"extra"});
  CHECK(options.integer("cpus") == 8);
  CHECK_FALSE(options.boolean("color"));
  CHECK(options.list("gpus") == std::vector<std::string>{"0", "1", "3"});
  CHECK(options.bytes("journal_max") == 64u * 1024 * 1024);
}

TEST_CASE("a wrong option is refused with what would be right", "[options]") {
  Options options = sample();
  const auto message = [&](std::vector<const char*> arguments) {
    const auto result = parse(options, std::move(arguments));
    return result ? std::string() : result.error().message;
  };
  CHECK(message({"--lost-aftre", "1s"}) ==
        "unknown flag --lost-aftre (did you mean \"--lost-after\"?); --help lists them");
  CHECK(message({"--lost-after", "30"}) ==
        "--lost-after: \"30\" is not a duration; write it like 500ms, 30s or 1m30s");
  CHECK(message({"--lost-after=2h"}) == "--lost-after: \"2h\" is out of bounds: 1s to 1h");
  CHECK(message({"--cpus", "8x"}) == "--cpus: \"8x\" is not a whole number");
  CHECK(message({"--journal-max=1kB"}) == "--journal-max: \"1kB\" is out of bounds: at least 1MiB");
  CHECK(message({"--log-format=xml"}) ==
        "--log-format: \"xml\" is out of bounds: one of text, json");
  CHECK(message({"--color=maybe"}) == "--color: \"maybe\" is not true or false");
  CHECK(message({"--cpus"}) == "--cpus needs a value");
  CHECK(options.set("lost_aftre", "1s", OptionSource::kFile).error().message ==
        "unknown option \"lost_aftre\" (did you mean \"lost_after\"?)");
}

TEST_CASE("help and documentation are made from the table", "[options]") {
  const Options options = sample();
  const std::string help = help_text("Usage: dl-x [options]", options.table());
  CHECK(help.find("  --lost-after <duration>\n      A silent node is given up after this (default "
                  "30s; 1s to 1h)\n") != help.npos);
  CHECK(help.find("  --color\n      Coloured output (default true)\n") != help.npos);
  const std::string docs = options_markdown(options.table());
  CHECK(
      docs.find("| `state_dir` | `--state-dir` | path |  |  | `DL_STATE_DIR` | Where the state is "
                "|\n") != docs.npos);
}

TEST_CASE("amounts are read exactly or not at all", "[options]") {
  CHECK(*parse_duration("1m30s") == 90s);
  CHECK(*parse_duration("1.5h") == 90min);
  CHECK(*parse_duration("250us") == 250us);
  for (const char* wrong : {"", "s", "1", "1 s", "-1s", "1s2", "1e9s", "9999999999999d", "..s"}) {
    CHECK_FALSE(parse_duration(wrong));
  }
  CHECK(*parse_bytes("1.5KiB") == 1536);
  CHECK(*parse_bytes("10MB") == 10'000'000);
  for (const char* wrong : {"", "MiB", "-1", "1 MiB", "1XB", "1MiB2", "9999999999TiB"}) {
    CHECK_FALSE(parse_bytes(wrong));
  }
  CHECK(to_bytes_string(64u << 20) == "64MiB");
  CHECK(to_bytes_string(1000) == "1000B");
  CHECK(to_bytes_string(0) == "0B");
}

TEST_CASE("nearest guesses slips, not other words", "[options]") {
  const std::vector<std::string> names{"lost_after", "listen", "state_dir"};
  CHECK(nearest("lsot_after", names) == "lost_after");
  CHECK(nearest("lost-after", names) == "lost_after");
  CHECK(nearest("epochs", names).empty());
  CHECK(nearest("x", names).empty());
  CHECK(edit_distance("ab", "ba") == 1);
  CHECK(edit_distance("kitten", "sitting") == 3);
}

}  // namespace
}  // namespace dl
