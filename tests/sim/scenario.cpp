#include "tests/sim/scenario.h"

#include <algorithm>
#include <array>

namespace dl::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array kScenarios = {
    Scenario{.name = "calm", .rates = {}},
    Scenario{.name = "failures",
             .rates = {.fail = 150,
                       .crash = 100,
                       .hang = 30,
                       .ignore_sigterm = 200,
                       .spawn_failed = 30,
                       .cancels = 5}},
    Scenario{.name = "lossy_network",
             .rates = {.lost = 100, .doubled = 100, .breaks = 20, .fail = 50, .cancels = 3},
             .delay_max = milliseconds{500}},
    Scenario{.name = "disorder",
             .rates = {.lost = 50,
                       .doubled = 200,
                       .reordered = 300,
                       .breaks = 20,
                       .fail = 100,
                       .ignore_sigterm = 100,
                       .cancels = 5},
             .delay_max = milliseconds{3000}},
    Scenario{
        .name = "partitions",
        .rates = {.breaks = 10, .partitions = 15, .fail = 50, .ignore_sigterm = 100, .cancels = 3},
        .delay_max = milliseconds{100},
        .away_max = seconds{60},
        .process_max = seconds{150}},
    Scenario{
        .name = "agent_crashes",
        .rates =
            {.agent_crashes = 30, .reboots = 5, .fail = 50, .ignore_sigterm = 100, .cancels = 3}},
    Scenario{.name = "coordinator_crashes",
             .rates = {.breaks = 5,
                       .coordinator_crashes = 30,
                       .commits_torn = 10,
                       .commits_blind = 10,
                       .fail = 50,
                       .cancels = 3}},
    Scenario{.name = "bad_disk",
             .rates = {.commits_failed = 50,
                       .commits_torn = 5,
                       .commits_blind = 5,
                       .fail = 50,
                       .cancels = 3}},
    Scenario{.name = "everything",
             .rates = {.lost = 30,
                       .doubled = 50,
                       .reordered = 20,
                       .breaks = 10,
                       .partitions = 5,
                       .agent_crashes = 10,
                       .reboots = 2,
                       .coordinator_crashes = 10,
                       .commits_failed = 10,
                       .commits_torn = 5,
                       .commits_blind = 5,
                       .fail = 80,
                       .crash = 50,
                       .hang = 20,
                       .ignore_sigterm = 150,
                       .spawn_failed = 20,
                       .cancels = 4,
                       .drains = 3,
                       .searches = 300,
                       .search_ops = 20,
                       .silent = 30},
             .delay_max = milliseconds{1000},
             .away_max = seconds{60}},
    Scenario{.name = "searches",
             .rates = {.lost = 20,
                       .breaks = 5,
                       .agent_crashes = 10,
                       .coordinator_crashes = 30,
                       .commits_torn = 5,
                       .commits_blind = 5,
                       .fail = 100,
                       .ignore_sigterm = 100,
                       .cancels = 1,
                       .searches = 1000,
                       .search_ops = 20,
                       .silent = 50}},
};

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

const Scenario* find_scenario(std::string_view name) {
  const auto found = std::find_if(kScenarios.begin(), kScenarios.end(),
                                  [&](const Scenario& s) { return s.name == name; });
  return found == kScenarios.end() ? nullptr : &*found;
}

std::optional<Bug> bug_from_string(std::string_view word) {
  static constexpr std::pair<std::string_view, Bug> kBugs[] = {
      {"", Bug::kNone},
      {"skip_commit", Bug::kSkipCommit},
      {"lose_tail", Bug::kLoseTail},
      {"forget_fence", Bug::kForgetFence},
      {"no_attempt_fence", Bug::kNoAttemptFence},
      {"believe_stops", Bug::kBelieveStops},
      {"hide_foreign", Bug::kHideForeign},
      {"forget_measured", Bug::kForgetMeasured},
  };
  for (const auto& [name, bug] : kBugs) {
    if (name == word) return bug;
  }
  return std::nullopt;
}

}  // namespace dl::sim
