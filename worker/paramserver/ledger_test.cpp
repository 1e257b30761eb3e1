// The decisions of a server, in schedules made at random: workers that push, pull and finish in any
// order that the protocol allows, and elements that arrive one by one.

#include "worker/paramserver/ledger.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace dl::worker::paramserver {
namespace {

struct Scenario {
  Consistency consistency = Consistency::kSynchronous;
  std::uint64_t staleness = 0;       // What is checked …
  std::uint64_t off_by = 0;          // … and how much more the ledger is told: a planted bug.
  std::optional<Consistency> lie{};  // What the ledger is told to be instead.
};

// One schedule: what the workers do is drawn, what a table would see of it is checked.
class Schedule {
 public:
  static constexpr std::size_t kWorkersMax = 4;
  static constexpr std::uint64_t kElements = 3;

  Schedule(const Scenario& scenario, std::uint64_t seed) : scenario_(scenario), random_(seed) {
    workers_.resize(2 + random_() % (kWorkersMax - 1));
    for (Worker& worker : workers_) worker.clocks = 1 + random_() % 4;
    if (scenario.consistency == Consistency::kSynchronous) {
      for (Worker& worker : workers_) worker.clocks = workers_[0].clocks;
    }
    ledger_.emplace(Ledger::Rules{.consistency = scenario.lie.value_or(scenario.consistency),
                                  .staleness = scenario.staleness + scenario.off_by,
                                  .workers = static_cast<std::uint32_t>(workers_.size()),
                                  .elements = kElements});
  }

  // What is wrong, or nothing.
  std::optional<std::string> run() {
    for (;;) {
      std::array<std::size_t, kWorkersMax> able{};
      std::size_t count = 0;
      for (std::size_t i = 0; i < workers_.size(); ++i) {
        if (can_act(workers_[i])) able[count++] = i;
      }
      if (count == 0) break;
      act(able[random_() % count]);
      carry_out();
      if (problem_) return problem_;
    }
    for (const Worker& worker : workers_) {
      if (!worker.finished) return "a worker waits for ever";
    }
    return check_sums();
  }

  Clock widest_gap() const { return widest_gap_; }

 private:
  struct Worker {
    Clock clocks = 0;  // To push before it finishes.
    Clock clock = 0;   // Acknowledged.
    bool pushing = false;
    std::uint64_t arrived = 0;
    bool pulling = false;
    std::uint64_t served = 0;
    bool finished = false;
    std::array<Clock, kElements> applied{};  // Of its pushes, by element.
  };

  bool can_act(const Worker& worker) const {
    if (worker.finished) return false;
    if (worker.pushing) return worker.arrived < kElements;
    return !worker.pulling;
  }

  void act(std::size_t i) {
    Worker& worker = workers_[i];
    const auto rank = static_cast<Rank>(i);
    if (worker.pushing) {
      worker.arrived += 1 + random_() % (kElements - worker.arrived);
      return ledger_->arrived(rank, worker.arrived, actions_);
    }
    if (worker.clock == worker.clocks) {
      worker.finished = true;
      return ledger_->finish(rank, actions_);
    }
    const auto choice = random_() % 4;
    if (choice == 0) {
      worker.pulling = true;
      worker.served = 0;
      return require(ledger_->pull(rank, worker.clock, actions_));
    }
    worker.pushing = true;
    worker.arrived = 0;
    worker.pulling = choice > 1;
    worker.served = 0;
    require(ledger_->push(rank, worker.clock + 1, worker.pulling, actions_));
  }

  void require(const Result<void>& result) {
    if (result.has_error()) problem_ = result.error().message;
  }

  void carry_out() {
    for (const Action& action : actions_) {
      switch (action.kind) {
        case ActionKind::kApply: apply(action); break;
        case ActionKind::kSum: sum(action); break;
        case ActionKind::kAcknowledge: acknowledge(action); break;
        case ActionKind::kServe: serve(action); break;
      }
    }
    actions_.clear();
  }

  void apply(const Action& action) {
    Worker& worker = workers_[action.worker];
    if (action.end > worker.arrived) problem_ = "elements are applied before they have come";
    for (std::uint64_t e = action.first; e < action.end; ++e) {
      if (++worker.applied[e] != worker.clock + 1) problem_ = "an element was applied twice";
    }
  }

  void sum(const Action& action) {
    for (Worker& worker : workers_) {
      if (worker.finished) continue;
      if (!worker.pushing || worker.arrived < action.end) problem_ = "a sum lacks a worker's part";
      for (std::uint64_t e = action.first; e < action.end; ++e) {
        if (++worker.applied[e] != worker.clock + 1) problem_ = "an element was summed twice";
      }
    }
  }

  void acknowledge(const Action& action) {
    Worker& worker = workers_[action.worker];
    if (!worker.pushing || action.clock != worker.clock + 1) problem_ = "a wrong acknowledgement";
    for (const Clock applied : worker.applied) {
      if (applied != action.clock) problem_ = "acknowledged before it was applied";
    }
    worker.pushing = false;
    ++worker.clock;
  }

  void serve(const Action& action) {
    Worker& worker = workers_[action.worker];
    if (!worker.pulling || action.first != worker.served) problem_ = "served what was not asked";
    const Clock now = worker.pushing ? worker.clock + 1 : worker.clock;
    for (std::uint64_t e = action.first; e < action.end; ++e) check_seen(worker, now, e);
    worker.served = action.end;
    if (worker.served == kElements) worker.pulling = false;
  }

  // What `worker`, at clock `now`, gets to see of the others' pushes to element `e`.
  void check_seen(const Worker& worker, Clock now, std::uint64_t e) {
    if (worker.applied[e] != now) problem_ = "a worker does not see its own push";
    for (const Worker& other : workers_) {
      const Clock seen = other.applied[e];
      if (&other == &worker || (other.finished && seen < now)) continue;
      if (scenario_.consistency == Consistency::kSynchronous && seen != now) {
        problem_ = "a synchronous pull mixes clocks";
      }
      if (scenario_.consistency != Consistency::kBoundedStaleness) continue;
      const Clock gap = now > other.clock ? now - other.clock : 0;
      widest_gap_ = std::max(widest_gap_, gap);
      if (gap > scenario_.staleness) problem_ = "a worker is too far ahead";
      if (seen + scenario_.staleness < now) problem_ = "an update that is due is missing";
    }
  }

  std::optional<std::string> check_sums() const {
    for (const Worker& worker : workers_) {
      for (const Clock applied : worker.applied) {
        if (applied != worker.clocks) return "an acknowledged push is not in the sum";
      }
    }
    return std::nullopt;
  }

  const Scenario scenario_;
  std::minstd_rand random_;
  std::vector<Worker> workers_;
  std::optional<Ledger> ledger_;
  std::vector<Action> actions_;
  std::optional<std::string> problem_;
  Clock widest_gap_ = 0;
};

struct Found {
  std::uint64_t seed = 0;
  std::string problem;
};

std::optional<Found> search(const Scenario& scenario, std::uint64_t schedules,
                            Clock* widest = nullptr) {
  for (std::uint64_t seed = 1; seed <= schedules; ++seed) {
    Schedule schedule(scenario, seed);
    if (auto problem = schedule.run()) return Found{seed, *std::move(problem)};
    if (widest != nullptr) *widest = std::max(*widest, schedule.widest_gap());
  }
  return std::nullopt;
}

TEST_CASE("no pull is staler than its bound in a million schedules", "[paramserver][schedules]") {
  for (const std::uint64_t staleness : {0, 1, 2, 3}) {
    Clock widest = 0;
    const auto found = search(
        {.consistency = Consistency::kBoundedStaleness, .staleness = staleness}, 250'000, &widest);
    INFO("staleness " << staleness << ", seed " << (found ? found->seed : 0));
    CHECK((found ? found->problem : "") == "");
    CHECK(widest == staleness);  // The schedules go to the limit.
  }
}

TEST_CASE("synchronous pulls never mix clocks", "[paramserver][schedules]") {
  const auto found = search({.consistency = Consistency::kSynchronous}, 200'000);
  INFO("seed " << (found ? found->seed : 0));
  CHECK((found ? found->problem : "") == "");
}

TEST_CASE("asynchronous pushes are applied once, and pulls see one's own",
          "[paramserver][schedules]") {
  for (const Consistency consistency : {Consistency::kAsynchronous, Consistency::kHogwild}) {
    const auto found = search({.consistency = consistency}, 100'000);
    INFO("seed " << (found ? found->seed : 0));
    CHECK((found ? found->problem : "") == "");
  }
}

TEST_CASE("the schedules find a bound that is off by one, and a mode that is another",
          "[paramserver][schedules]") {
  const auto off =
      search({.consistency = Consistency::kBoundedStaleness, .staleness = 1, .off_by = 1}, 10'000);
  REQUIRE(off.has_value());
  CHECK(off->problem == "a worker is too far ahead");
  const auto lied =
      search({.consistency = Consistency::kSynchronous, .lie = Consistency::kAsynchronous}, 10'000);
  REQUIRE(lied.has_value());
  CHECK(lied->problem == "a synchronous pull mixes clocks");
}

TEST_CASE("a push that came before the restart is acknowledged, not applied", "[paramserver]") {
  Ledger ledger({.consistency = Consistency::kAsynchronous, .workers = 2, .elements = 10},
                {{.clock = 5, .applied = 4}, {.clock = 3, .applied = 0}});
  std::vector<Action> actions;
  REQUIRE(ledger.push(0, 5, false, actions).has_value());
  ledger.arrived(0, 10, actions);
  REQUIRE(actions.size() == 1);
  CHECK(actions[0].kind == ActionKind::kAcknowledge);
  CHECK(actions[0].repeat);

  // Of the push that was cut off, only what is missing is applied.
  actions.clear();
  REQUIRE(ledger.push(0, 6, false, actions).has_value());
  ledger.arrived(0, 3, actions);
  CHECK(actions.empty());
  ledger.arrived(0, 10, actions);
  REQUIRE(actions.size() == 2);
  CHECK(actions[0].kind == ActionKind::kApply);
  CHECK(actions[0].first == 4);
  CHECK(actions[0].end == 10);
  CHECK_FALSE(actions[1].repeat);
  CHECK(ledger.clock(0) == 6);
}

TEST_CASE("a push that leaves a clock out is refused, with the rank", "[paramserver]") {
  Ledger ledger({.consistency = Consistency::kAsynchronous, .workers = 2, .elements = 10});
  std::vector<Action> actions;
  const auto refused = ledger.push(1, 2, false, actions);
  REQUIRE(refused.has_error());
  CHECK(refused.error().message.find("rank 1 pushes at clock 2 after clock 0") == 0);
  CHECK(ledger.pull(1, 1, actions).has_error());
}

TEST_CASE("the slowest worker is named, and who has finished is not waited for", "[paramserver]") {
  Ledger ledger({.consistency = Consistency::kBoundedStaleness, .workers = 3, .elements = 1});
  std::vector<Action> actions;
  for (const Rank rank : {0, 1}) {
    REQUIRE(ledger.push(rank, 1, false, actions).has_value());
    ledger.arrived(rank, 1, actions);
  }
  actions.clear();
  REQUIRE(ledger.pull(0, 1, actions).has_value());
  CHECK(actions.empty());
  CHECK(ledger.waits(0));
  CHECK(ledger.slowest() == Rank{2});
  ledger.finish(2, actions);
  REQUIRE(actions.size() == 1);
  CHECK(actions[0].kind == ActionKind::kServe);
  CHECK_FALSE(ledger.waits(0));
}

}  // namespace
}  // namespace dl::worker::paramserver
