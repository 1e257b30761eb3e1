// The simulator itself: that it can be replayed, that its scenarios do what they are there for, and
// that its checkers find bugs. The runs over many seeds are the test "sim".

#include <catch2/catch.hpp>

#include "tests/sim/world.h"

namespace dl::sim {
namespace {

Outcome run(std::string_view scenario, std::uint64_t seed, Bug bug = Bug::kNone) {
  const Scenario* row = find_scenario(scenario);
  REQUIRE(row != nullptr);
  return World({.scenario = row, .seed = seed, .bug = bug}).run();
}

// What ten seeds of a scenario have seen together.
Tally tally_of(std::string_view scenario) {
  Tally sum;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Outcome outcome = run(scenario, seed);
    CAPTURE(scenario, seed);
    REQUIRE_FALSE(outcome.violation);
    CHECK(outcome.jobs == kJobs);
    sum.spawned += outcome.tally.spawned;
    sum.restarts += outcome.tally.restarts;
    sum.nodes_lost += outcome.tally.nodes_lost;
    sum.foreign += outcome.tally.foreign;
    sum.reports += outcome.tally.reports;
    sum.recoveries += outcome.tally.recoveries;
    sum.search_recoveries += outcome.tally.search_recoveries;
    sum.suggestions += outcome.tally.suggestions;
    sum.judged += outcome.tally.judged;
    for (const auto& [state, count] : outcome.tally.ended) sum.ended[state] += count;
  }
  return sum;
}

TEST_CASE("the same seed gives the same run, another seed another", "[sim]") {
  for (const auto& scenario : scenarios()) {
    CAPTURE(scenario.name);
    const auto hash = run(scenario.name, 5).trace_hash;
    CHECK(run(scenario.name, 5).trace_hash == hash);
    CHECK(run(scenario.name, 6).trace_hash != hash);
  }
}

TEST_CASE("without faults every job succeeds at the first attempt", "[sim]") {
  auto tally = tally_of("calm");
  CHECK(tally.ended[JobState::kSucceeded] == 10 * kJobs);
  CHECK(tally.restarts == 0);
  CHECK(tally.nodes_lost == 0);
  CHECK(tally.reports > 100);
}

TEST_CASE("every scenario sees the faults it is named for", "[sim]") {
  auto failures = tally_of("failures");
  CHECK(failures.restarts > 20);
  CHECK(failures.ended[JobState::kFailed] > 0);
  CHECK(failures.ended[JobState::kCancelled] > 0);
  const auto partitions = tally_of("partitions");
  CHECK(partitions.nodes_lost > 5);
  CHECK(partitions.foreign > 2);
  CHECK(tally_of("coordinator_crashes").recoveries > 40);
  CHECK(tally_of("bad_disk").recoveries > 40);
  CHECK(tally_of("agent_crashes").restarts > 5);
}

// SearchesChecker holds every suggestion against that of a searcher which was never killed.
TEST_CASE("a search killed at 100 random points makes the suggestions it would have made",
          "[sim]") {
  const auto tally = tally_of("searches");
  CHECK(tally.search_recoveries >= 100);
  CHECK(tally.suggestions > 500);
  CHECK(tally.judged > 50);
}

TEST_CASE("agents and coordinators that crash restart no task", "[sim]") {
  // Crashes alone: no process fails, no machine reboots.
  static constexpr Scenario kCrashes{.name = "crashes",
                                     .rates = {.breaks = 10,
                                               .agent_crashes = 20,
                                               .coordinator_crashes = 20,
                                               .commits_torn = 5,
                                               .commits_blind = 5}};
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    auto outcome = World({.scenario = &kCrashes, .seed = seed}).run();
    CAPTURE(seed);
    CHECK_FALSE(outcome.violation);
    CHECK(outcome.tally.recoveries > 2);
    CHECK(outcome.tally.restarts == 0);
    CHECK(outcome.tally.ended[JobState::kSucceeded] == kJobs);
  }
}

TEST_CASE("the checkers find bugs that are planted", "[sim]") {
  struct Row {
    Bug bug;
    std::string_view scenario;
    std::string found;  // In what the checker says.
  };
  const Row rows[] = {
      {Bug::kSkipCommit, "coordinator_crashes", "recovery gives another state"},
      {Bug::kLoseTail, "coordinator_crashes", "recovery gives another state"},
      {Bug::kForgetFence, "disorder", "on record as ended"},
      {Bug::kNoAttemptFence, "disorder", "on record as ended"},
      {Bug::kBelieveStops, "failures", "on record as ended while its process lives"},
      {Bug::kHideForeign, "partitions", "still holds"},
      {Bug::kForgetMeasured, "searches", "is not what its search would have tried"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.found, row.scenario);
    bool found = false;
    for (std::uint64_t seed = 1; seed <= 60 && !found; ++seed) {
      const auto violation = run(row.scenario, seed, row.bug).violation;
      found = violation && violation->find(row.found) != std::string::npos;
    }
    CHECK(found);
  }
}

}  // namespace
}  // namespace dl::sim
