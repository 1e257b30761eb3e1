// Reading the command line: help, mistakes, completion, the reference.

#include "cmd/dlctl/command_line.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "cmd/dlctl/complete.h"
#include "cmd/dlctl/help.h"
#include "cmd/dlctl/run.h"
#include "cmd/dlctl/testing/fake_cluster.h"

namespace dl::dlctl {
namespace {

struct Output {
  int code = 0;
  std::string out;
  std::string err;
};

Output run(std::vector<std::string> arguments, const std::string& server = "127.0.0.1:1") {
  std::istringstream in;
  std::ostringstream out;
  std::ostringstream err;
  Host host{.in = in,
            .out = out,
            .err = err,
            .env = [&](std::string_view name) -> std::optional<std::string> {
              if (name == "HOME") return "/nonexistent";
              if (name == "DL_SERVER") return server;
              return std::nullopt;
            },
            .now = [] { return Timestamp(); },
            .out_tty = false,
            .err_tty = false,
            .size = {},
            .program = "/nowhere/dlctl"};
  const int code = run_dlctl(std::move(arguments), host);
  return {code, out.str(), err.str()};
}

bool has_bash() { return std::filesystem::exists("/bin/bash"); }

// What the words would be completed to by a real shell that has sourced the script.
std::string shell_output(const std::string& shell, const std::string& script) {
  const auto file = std::filesystem::temp_directory_path() /
                    ("dlctl-complete-" + std::to_string(getpid()) + "." + shell);
  std::ofstream(file) << script;
  FILE* pipe = popen((shell + " " + file.string() + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  pclose(pipe);
  std::filesystem::remove(file);
  return text;
}

}  // namespace

TEST_CASE("mistakes on the command line get the nearest right word", "[dlctl]") {
  const auto [words, message] = GENERATE(table<std::vector<std::string>, std::string>(
      {{{"sumbit", "x"}, "unknown verb \"sumbit\" (did you mean \"submit\"?); see `dlctl --help`"},
       {{"status", "--wacth"},
        "unknown flag --wacth (did you mean \"--watch\"?); see `dlctl status --help`"},
       {{"jobs", "--outptu=json"},
        "unknown flag --outptu (did you mean \"--output\"?); see `dlctl jobs --help`"},
       {{"dev", "upp"}, "unknown verb \"upp\" (did you mean \"up\"?); see `dlctl dev --help`"},
       {{"cancel"}, "JOB is required; see `dlctl cancel --help`"},
       {{"explain", "1", "2"}, "\"2\" is one argument too many; see `dlctl explain --help`"},
       {{"metrics", "1", "a", "jobs"},
        "\"jobs\" is one argument too many; see `dlctl metrics --help`"},
       {{"dev", "up", "--agents", "0"},
        "--agents: Value 0 not in range 1 to 64; see `dlctl dev up --help`"}}));
  const auto done = run(words);
  CHECK(done.code == 2);
  CHECK(done.err == "dlctl: " + message + "\n");
}

TEST_CASE("flags of all verbs stand before or behind the verb", "[dlctl]") {
  CommandLine line;
  REQUIRE(line.parse({"-o", "json", "status", "42", "--no-headers"}).has_value());
  CHECK(line.flags().output == "json");
  CHECK(line.flags().no_headers);
}

TEST_CASE("a verb's own flag is stronger than the one of all verbs", "[dlctl]") {
  CommandLine line;
  REQUIRE(line.parse({"wait", "42", "--timeout", "5m"}).has_value());
  CHECK(line.flags().timeout == "10s");
}

TEST_CASE("every verb has help with a summary, its usage and examples", "[dlctl]") {
  for (const auto& verb : verbs()) {
    std::vector<std::string> words;
    std::istringstream name{std::string(verb.name)};
    for (std::string word; name >> word;) words.push_back(word);
    words.push_back("--help");
    const auto help = run(words);
    INFO(verb.name);
    CHECK(help.code == 0);
    CHECK(help.out.starts_with(std::string(verb.summary) + ".\n\nUsage: dlctl " +
                               std::string(verb.name)));
    CHECK_FALSE(verb.examples.empty());
    for (const auto& example : verb.examples) {
      CHECK(help.out.find("  " + std::string(example.command) + "\n") != std::string::npos);
    }
  }
  CHECK(run({"help", "dev", "up"}).out == run({"dev", "up", "--help"}).out);
  CHECK(run({"--help"}).out == run({}).out);
}

TEST_CASE("docs/dlctl.md is what the table of verbs says", "[dlctl]") {
  const std::string file = DL_SOURCE_DIR "/docs/dlctl.md";
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  INFO("make it anew: dlctl __reference > docs/dlctl.md");
  CHECK(text.str() == reference_markdown(CommandLine()));
}

TEST_CASE("verbs, flags and values are completed", "[dlctl]") {
  CHECK(run({"__complete", "sta"}).out ==
        "status\tShow the cluster at a glance, or one job in full\n");
  CHECK(run({"__complete", "dev", ""}).out.starts_with("up\t"));
  CHECK(run({"__complete", "submit", ""}).out == ":files\n");
  CHECK(run({"__complete", "submit", "--fo"}).out ==
        "--follow\tShow progress until the job has ended\n");
  CHECK(run({"__complete", "jobs", "-o", "j"}).out == "json\n");
  CHECK(run({"__complete", "completion", "z"}).out == "zsh\n");
  CHECK(run({"__complete", "jobs", "--state", "ru"}).out == "running\n");
  CHECK(run({"__complete", "context", "set", "x", "--token-file", ""}).out == ":files\n");
}

TEST_CASE("jobs, tasks, nodes and metrics are completed by the coordinator", "[dlctl]") {
  FakeCluster fake;
  fake.jobs = {running_job(1'700'000'000)};
  fake.nodes.emplace_back().set_id("gpu-09");
  fake.metrics.add_series()->set_name("train.loss");
  CHECK(run({"__complete", "status", ""}, fake.address()).out ==
        "42\tfashion-mnist, running\nlatest\tthe newest job\n");
  CHECK(run({"__complete", "logs", "42/"}, fake.address()).out ==
        "42/worker:0\trunning on local-0\n42/worker:1\trunning on local-1\n");
  CHECK(run({"__complete", "drain", "g"}, fake.address()).out == "gpu-09\n");
  CHECK(run({"__complete", "metrics", "42", "t"}, fake.address()).out == "train.loss\n");
  fake.stop();
  CHECK(run({"__complete", "status", ""}, fake.address()).out.empty());
}

TEST_CASE("bash completes by the script", "[dlctl]") {
  REQUIRE(has_bash());
  FakeCluster fake;
  fake.jobs = {running_job(1'700'000'000)};
  const std::string dlctl = DL_BINARY_DIR "/dlctl";
  const auto typed = [&](const std::string& line) {
    return shell_output("bash", "export HOME=/nonexistent DL_SERVER=" + fake.address() +
                                    " PATH=" DL_BINARY_DIR ":$PATH\nsource <(" + dlctl +
                                    " completion bash)\nCOMP_LINE='" + line +
                                    "'; COMP_POINT=${#COMP_LINE}\n_dlctl\n"
                                    "printf '%s\\n' \"${COMPREPLY[@]}\"\n");
  };
  CHECK(typed("dlctl su") == "submit\n");
  CHECK(typed("dlctl status ") == "42\nlatest\n");
  // bash replaces only what is behind the last colon.
  CHECK(typed("dlctl logs 42/w") == "42/worker:0\n42/worker:1\n");
  CHECK(typed("dlctl logs 42/worker:") == "0\n1\n");
  CHECK(typed("dlctl -o j") == "json\n");
}

TEST_CASE("zsh and fish read their scripts, where they are installed", "[dlctl]") {
  const std::string dlctl = DL_BINARY_DIR "/dlctl";
  for (const std::string shell : {"zsh", "fish"}) {
    const auto script = completion_script(shell);
    REQUIRE(script.has_value());
    if (!std::filesystem::exists("/usr/bin/" + shell)) {
      WARN(shell << " is not installed; its script was not read");
      continue;
    }
    const std::string before = shell == "zsh" ? "autoload -U compinit && compinit -u -D\n" : "";
    CHECK(shell_output(shell, before + *script + "\necho read\n") == "read\n");
  }
  if (std::filesystem::exists("/usr/bin/fish")) {
    const auto script = completion_script("fish");
    CHECK(shell_output("fish", "set -x PATH " DL_BINARY_DIR " $PATH\n" + *script +
                                   "\ncomplete -C 'dlctl subm'\n") ==
          "submit\tMake a job of a spec document\n");
  }
  CHECK_FALSE(completion_script("tcsh").has_value());
}

}  // namespace dl::dlctl
