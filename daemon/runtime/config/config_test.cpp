#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "daemon/runtime/config/config_file.h"
#include "daemon/runtime/config/daemon_options.h"

namespace dl::runtime {
namespace {

using namespace std::chrono_literals;

std::string problem(const std::string& text) {
  Options options(coordinator_options());
  const auto read = read_config_text(options, "dl.yaml", text);
  return read ? std::string() : read.error().message;
}

TEST_CASE("a configuration file sets options by their names", "[config]") {
  Options options(coordinator_options());
  REQUIRE(read_config_text(options, "dl.yaml",
                           "# the cluster\nlost_after: 45s\nlisten: 127.0.0.1:1\njobs_max: 7\n"));
  CHECK(options.duration("lost_after") == 45s);
  CHECK(options.integer("jobs_max") == 7);
  CHECK(problem("").empty());
  Options agent(agent_options());
  REQUIRE(read_config_text(agent, "a.yaml", "gpus: [0, 2]\n"));
  CHECK(agent.list("gpus") == std::vector<std::string>{"0", "2"});
}

TEST_CASE("a wrong configuration file is refused with its place", "[config]") {
  CHECK(problem("listen: 127.0.0.1:1\nlost_aftre: 30s\n") ==
        "dl.yaml:2:1: unknown option \"lost_aftre\" (did you mean \"lost_after\"?)");
  CHECK(problem("lost_after: soon\n") ==
        "dl.yaml:1:1: lost_after: \"soon\" is not a duration; write it like 500ms, 30s or 1m30s");
  CHECK(problem("jobs_max: 1\njobs_max: 2\n") == "dl.yaml:2:1: jobs_max is there twice");
  CHECK(problem("- a\n") == "dl.yaml:1:1: keys with values go here, like `lost_after: 30s`");
  CHECK(problem("listen: {a: 1}\n") ==
        "dl.yaml:1:1: listen: a value or a list of values goes here");
  CHECK(problem("listen: [\n").starts_with("dl.yaml:2:1: "));
}

TEST_CASE("flags name the file, and win over it", "[config]") {
  const std::string file = std::filesystem::temp_directory_path().string() + "/dl_config_test_" +
                           std::to_string(::getpid()) + ".yaml";
  std::ofstream(file) << "lost_after: 45s\nheartbeat: 3s\n";
  Options options(coordinator_options());
  const std::vector<const char*> arguments{"--config", file.c_str(), "--heartbeat=1s"};
  const auto startup = load_options(options, arguments);
  REQUIRE(startup.has_value());
  CHECK(*startup == Startup::kRun);
  CHECK(options.duration("lost_after") == 45s);
  CHECK(options.duration("heartbeat") == 1s);
  const std::vector<const char*> help{"--heartbeat", "--help"};
  CHECK(*load_options(options, help) == Startup::kHelp);
  const std::vector<const char*> extra{"start"};
  CHECK(load_options(options, extra).error().message ==
        "unexpected argument \"start\"; --help lists the flags");
  const std::vector<const char*> missing{"--config=/nowhere/dl.yaml"};
  Options fresh(coordinator_options());
  CHECK(load_options(fresh, missing).error().message ==
        "read the configuration /nowhere/dl.yaml: No such file or directory");
}

TEST_CASE("docs/options.md is what the tables say", "[config]") {
  const std::string file = std::string(DL_SOURCE_DIR) + "/docs/options.md";
  if (std::getenv("DL_UPDATE_GOLDEN") != nullptr) std::ofstream(file) << options_document();
  std::ostringstream text;
  text << std::ifstream(file).rdbuf();
  CHECK(text.str() == options_document());
}

}  // namespace
}  // namespace dl::runtime
