// docs/state-machines.md speaks the words of the code: every state stands in the section of its
// machine, and no word in code type there is a state that does not exist.

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "model/cluster.h"
#include "model/job.h"

namespace dl {
namespace {

std::string document() {
  std::ifstream file(DL_SOURCE_DIR "/docs/state-machines.md");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string section(const std::string& name) {
  const std::string all = document();
  const auto begin = all.find("\n## " + name + "\n");
  REQUIRE(begin != std::string::npos);
  return all.substr(begin, all.find("\n## ", begin + 1) - begin);
}

// Calls `each` with the word of every enumerator up to `last`.
template <class Enum, class Each>
void for_each_word(Enum last, Each each) {
  for (int i = 0; i <= static_cast<int>(last); ++i) {
    each(std::string(to_string(static_cast<Enum>(i))));
  }
}

template <class Enum>
void check_section(const std::string& name, Enum last) {
  const std::string text = section(name);
  for_each_word(last, [&](const std::string& word) {
    CAPTURE(name, word);
    CHECK(text.find("`" + word + "`") != std::string::npos);
  });
}

TEST_CASE("docs/state-machines.md has every state in its section", "[docs]") {
  check_section("Job", JobState::kCancelled);
  check_section("Trial", TrialState::kCancelled);
  check_section("Attempt", AttemptState::kEnded);
  check_section("Attempt", StopReason::kKilled);
  check_section("Task", TaskState::kExited);
  check_section("Node", NodeState::kLost);
}

TEST_CASE("docs/state-machines.md names no state that does not exist", "[docs]") {
  std::string known;
  const auto add = [&](const std::string& word) { known += " " + word + " "; };
  for_each_word(JobState::kCancelled, add);
  for_each_word(TrialState::kCancelled, add);
  for_each_word(AttemptState::kEnded, add);
  for_each_word(StopReason::kKilled, add);
  for_each_word(TaskState::kExited, add);
  for_each_word(NodeState::kLost, add);
  const std::string text = document();
  // The first two columns of the tables' rows: the states in code type.
  std::stringstream lines(text);
  int states = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    const std::string first = line.substr(0, line.find(" | ", 2));
    for (std::size_t at = first.find('`'); at != std::string::npos;) {
      const auto end = first.find('`', at + 1);
      const std::string word = first.substr(at + 1, end - at - 1);
      CAPTURE(line);
      CHECK(known.find(" " + word + " ") != std::string::npos);
      ++states;
      at = first.find('`', end + 1);
    }
  }
  CHECK(states > 25);
}

}  // namespace
}  // namespace dl
