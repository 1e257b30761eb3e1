// One simulated run: the real cores of a coordinator and of several agents on virtual time, with
// everything around them simulated, and checkers that watch.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/checkers/checker.h"
#include "tests/sim/checkers/tally.h"
#include "tests/sim/client.h"
#include "tests/sim/coordinator_host.h"
#include "tests/sim/machine.h"
#include "tests/sim/network.h"
#include "tests/sim/scenario.h"
#include "tests/sim/timeline.h"

namespace dl::sim {

struct Options {
  const Scenario* scenario = nullptr;
  std::uint64_t seed = 1;
  Bug bug = Bug::kNone;
  bool print = false;  // The trace, to stdout.
};

struct Outcome {
  std::optional<std::string> violation;
  std::uint64_t trace_hash = 0;
  Duration length{};
  std::size_t jobs = 0;
  std::size_t commits = 0;
  Tally tally;
};

class World {
 public:
  explicit World(const Options& options);

  Outcome run();

  // --- what the parts need of each other -------------------------------------------------------

  Timeline& time() { return time_; }
  Timestamp now() const { return time_.now(); }
  const Scenario& scenario() const { return *options_.scenario; }
  Bug bug() const { return options_.bug; }
  // Faults only happen while this holds.
  bool is_faulty() const { return time_.elapsed() < kFaultsEnd; }
  bool fault(unsigned per_mille) { return is_faulty() && time_.happens(per_mille); }
  void trace(const std::string& line) { time_.trace(line); }

  Network& network() { return network_; }
  CoordinatorHost& coordinator() { return coordinator_; }
  Client& client() { return client_; }
  Machine& machine(const NodeId& node);
  std::vector<std::unique_ptr<Machine>>& machines() { return machines_; }

  // Tells every checker.
  template <class Told>
  void tell(Told told) {
    for (auto& checker : checkers_) told(*checker);
  }

 private:
  template <class T>
  void add_checker();
  void each_second();
  void break_something(Machine& machine);
  void drain_something();
  void calm_down();
  bool is_over();

  Options options_;
  Timeline time_;
  std::optional<std::string> violation_;
  std::vector<std::unique_ptr<Checker>> checkers_;
  Tally tally_;
  Network network_;
  CoordinatorHost coordinator_;
  Client client_;
  std::vector<std::unique_ptr<Machine>> machines_;
};

}  // namespace dl::sim
