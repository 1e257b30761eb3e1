// What can go wrong in a simulated run, and how often: data, one row a scenario.

#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dl::sim {

// Per mille of the occasions it is about, unless it says otherwise.
struct Rates {
  // Of messages between agents and coordinator.
  unsigned lost = 0;
  unsigned doubled = 0;
  unsigned reordered = 0;
  // A machine's connection, per second.
  unsigned breaks = 0;
  unsigned partitions = 0;
  // Daemons and machines, per second.
  unsigned agent_crashes = 0;
  unsigned reboots = 0;
  unsigned coordinator_crashes = 0;
  // Of commits.
  unsigned commits_failed = 0;
  unsigned commits_torn = 0;   // The coordinator dies with half a batch written.
  unsigned commits_blind = 0;  // It dies with the batch written and nobody told.
  // Of processes.
  unsigned fail = 0;
  unsigned crash = 0;
  unsigned hang = 0;
  unsigned ignore_sigterm = 0;
  unsigned spawn_failed = 0;
  // Of jobs, per second while they live.
  unsigned cancels = 0;
  unsigned drains = 0;      // Of nodes, per second.
  unsigned searches = 0;    // Of jobs.
  unsigned search_ops = 0;  // Pauses, resumes and extensions of a search, per second.
  unsigned silent = 0;      // Of a search's processes: they never report its objective.
};

struct Scenario {
  std::string_view name;
  Rates rates;
  std::chrono::milliseconds delay_max{20};  // Of a message.
  std::chrono::seconds away_max{20};        // Partitions and daemons that are down.
  std::chrono::seconds process_max{30};     // What a process runs for when nothing stops it.
};

// How a run goes, whatever the scenario.
inline constexpr unsigned kMachines = 4;
inline constexpr unsigned kJobs = 12;
inline constexpr std::chrono::seconds kFaultsEnd{240};  // From then on nothing goes wrong.
inline constexpr std::chrono::seconds kRunEnd{3600};    // By then every job has ended.

std::span<const Scenario> scenarios();
const Scenario* find_scenario(std::string_view name);

// A bug put into the wiring on purpose, to see that the checkers find it.
enum class Bug {
  kNone,
  kSkipCommit,      // The journal says that it has written, and has not.
  kLoseTail,        // Recovery leaves out the last batch.
  kForgetFence,     // Agents forget what was stopped, and start it when the order comes again.
  kNoAttemptFence,  // What an old attempt's task says is taken for the live one's.
  kBelieveStops,    // A task that was told to stop counts as gone.
  kHideForeign,     // Agents say nothing of tasks the coordinator has given up.
  kForgetMeasured,  // Recovery leaves the last measurement out of what a searcher is told.
};
// kNone for the empty word; absent for a word that names none.
std::optional<Bug> bug_from_string(std::string_view word);

}  // namespace dl::sim
