#include "tests/sim/world.h"

#include "base/assert.h"
#include "tests/sim/checkers/exits.h"
#include "tests/sim/checkers/gangs.h"
#include "tests/sim/checkers/jobs.h"
#include "tests/sim/checkers/progress.h"
#include "tests/sim/checkers/recovery.h"
#include "tests/sim/checkers/reports.h"
#include "tests/sim/checkers/searches.h"
#include "tests/sim/checkers/slots.h"

namespace dl::sim {

using std::chrono::seconds;

template <class T>
void World::add_checker() {
  checkers_.push_back(std::make_unique<T>([this](std::string text) {
    if (violation_) return;
    trace("VIOLATION: " + text);
    violation_ = std::move(text);
  }));
}

World::World(const Options& options)
    : options_(options),
      time_(options.seed * 1'000'003 + 17, options.print),
      network_(*this),
      coordinator_(*this),
      client_(*this) {
  add_checker<ExitsChecker>();
  add_checker<GangsChecker>();
  add_checker<JobsChecker>();
  add_checker<ProgressChecker>();
  add_checker<RecoveryChecker>();
  add_checker<ReportsChecker>();
  add_checker<SearchesChecker>();
  add_checker<SlotsChecker>();
  checkers_.push_back(std::make_unique<TallyKeeper>(tally_));
  for (unsigned i = 0; i < kMachines; ++i) {
    machines_.push_back(
        std::make_unique<Machine>(*this, std::string(1, static_cast<char>('a' + i))));
  }
}

Machine& World::machine(const NodeId& node) {
  for (auto& machine : machines_) {
    if (machine->name() == node) return *machine;
  }
  DL_ASSERT(false, "messages go to machines that exist");
}

Outcome World::run() {
  coordinator_.start();
  for (auto& machine : machines_) {
    machine->boot();
    time_.after(time_.between(seconds{0}, seconds{1}), [&machine] { machine->start_agent(); });
  }
  client_.start();
  each_second();
  while (!violation_ && !is_over() && time_.step()) {
  }
  if (!violation_ && coordinator_.state() != nullptr) {
    RunEnd end{.state = *coordinator_.state()};
    for (const auto& machine : machines_) end.live_processes += machine->live_processes();
    tell([&](Checker& checker) { checker.on_end(end); });
  }
  return {.violation = violation_,
          .trace_hash = time_.hash(),
          .length = time_.elapsed(),
          .jobs = client_.acknowledged(),
          .commits = coordinator_.journal().commits(),
          .tally = tally_};
}

// Every job has ended and the last faults are over; or there was time enough for that.
bool World::is_over() {
  if (time_.elapsed() >= kRunEnd) return true;
  if (time_.elapsed() < kFaultsEnd + seconds{60} || !client_.is_done()) return false;
  if (coordinator_.state() == nullptr || !coordinator_.state()->jobs.empty()) return false;
  for (const auto& machine : machines_) {
    if (machine->live_processes() > 0) return false;
  }
  return true;
}

void World::each_second() {
  if (!is_faulty()) {
    calm_down();
    return;
  }
  for (auto& machine : machines_) break_something(*machine);
  if (fault(scenario().rates.coordinator_crashes)) coordinator_.crash();
  client_.each_second();
  drain_something();
  time_.after(seconds{1}, [this] { each_second(); });
}

void World::break_something(Machine& machine) {
  const auto& rates = scenario().rates;
  if (fault(rates.breaks)) machine.break_connection();
  if (fault(rates.agent_crashes)) machine.crash_agent();
  if (fault(rates.reboots)) machine.reboot();
  if (fault(rates.partitions) && !network_.is_partitioned(machine.name())) {
    trace(machine.name() + ": is cut off");
    network_.set_partitioned(machine.name(), true);
    time_.after(time_.between(seconds{1}, scenario().away_max), [this, &machine] {
      trace(machine.name() + ": can be reached again");
      network_.set_partitioned(machine.name(), false);
    });
  }
}

void World::drain_something() {
  for (auto& machine : machines_) {
    if (!fault(scenario().rates.drains)) continue;
    coordinator_.post(coordinator::DrainNode{.request = client_.next_request(),
                                             .node = machine->name(),
                                             .drain = time_.roll(2) == 0,
                                             .reason = "sim"});
  }
}

// Nothing goes wrong from here on. What went wrong for good is put right by the operator, who looks
// a few times.
void World::calm_down() {
  trace("faults end");
  for (const auto wait : {seconds{1}, seconds{70}, seconds{130}}) {
    time_.after(wait, [this] {
      client_.resume_searches();
      for (auto& machine : machines_) {
        machine->end_hangs();
        coordinator_.post(coordinator::DrainNode{.request = client_.next_request(),
                                                 .node = machine->name(),
                                                 .drain = false,
                                                 .reason = {}});
      }
    });
  }
}

}  // namespace dl::sim
