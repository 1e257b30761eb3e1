// sim: simulated clusters. `sim --seeds 200` runs as many seeds over all scenarios; a violation is
// printed with the command that replays it.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "tests/sim/world.h"

namespace {

using dl::sim::Options;
using dl::sim::Outcome;
using dl::sim::World;

bool run_one(const Options& options, const std::string& program, const std::string& bug) {
  const Outcome outcome = World(options).run();
  if (outcome.violation) {
    std::printf("%.*s, seed %llu: %s\n  %s --scenario %.*s --seed %llu --print%s\n",
                static_cast<int>(options.scenario->name.size()), options.scenario->name.data(),
                static_cast<unsigned long long>(options.seed), outcome.violation->c_str(),
                program.c_str(), static_cast<int>(options.scenario->name.size()),
                options.scenario->name.data(), static_cast<unsigned long long>(options.seed),
                bug.empty() ? "" : (" --bug " + bug).c_str());
    return false;
  }
  std::printf("%-20.*s seed %-4llu %2zu jobs, %5zu commits, %4lld s, trace %016llx\n",
              static_cast<int>(options.scenario->name.size()), options.scenario->name.data(),
              static_cast<unsigned long long>(options.seed), outcome.jobs, outcome.commits,
              static_cast<long long>(outcome.length.count() / 1'000'000),
              static_cast<unsigned long long>(outcome.trace_hash));
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Runs simulated clusters and checks what must always hold.", "sim");
  std::string scenario;
  std::string bug;
  std::uint64_t seed = 0;
  std::uint64_t seeds = 1;
  bool print = false;
  app.add_option("--scenario", scenario, "Only this scenario; default: all, in turn");
  app.add_option("--seed", seed, "Only this seed");
  app.add_option("--seeds", seeds, "How many seeds, from 1 on");
  app.add_option("--bug", bug,
                 "Plant a bug: skip_commit, lose_tail, forget_fence, "
                 "no_attempt_fence, believe_stops, hide_foreign, forget_measured");
  app.add_flag("--print", print, "Print the trace");
  CLI11_PARSE(app, argc, argv);

  const auto* only = dl::sim::find_scenario(scenario);
  if (!scenario.empty() && only == nullptr) {
    std::fprintf(stderr, "there is no scenario \"%s\"; there are:", scenario.c_str());
    for (const auto& s : dl::sim::scenarios())
      std::fprintf(stderr, " %s", std::string(s.name).c_str());
    std::fprintf(stderr, "\n");
    return 2;
  }
  const auto planted = dl::sim::bug_from_string(bug);
  if (!planted) {
    std::fprintf(stderr, "there is no bug \"%s\"; see --help\n", bug.c_str());
    return 2;
  }
  const auto all = dl::sim::scenarios();
  const std::uint64_t first = seed != 0 ? seed : 1;
  const std::uint64_t last = seed != 0 ? seed : seeds;
  for (std::uint64_t s = first; s <= last; ++s) {
    const auto* row = only != nullptr ? only : &all[s % all.size()];
    const Options options{.scenario = row, .seed = s, .bug = *planted, .print = print};
    if (!run_one(options, argv[0], bug)) return 1;
  }
  return 0;
}
