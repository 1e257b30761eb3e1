// search_speed ALGORITHM PARAMETERS TRIALS: the time of ask and tell for each trial of a search in
// memory, one trial at a time, as a line of JSON: nanoseconds, trial by trial.

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "scheduler/search/searcher.h"

using namespace dl;
using namespace dl::scheduler;

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: search_speed ALGORITHM PARAMETERS TRIALS\n");
    return 2;
  }
  SearchSpec spec;
  spec.objectives = {{.metric = "value", .goal = "minimize"}};
  spec.algorithm = argv[1];
  spec.max_trials = static_cast<std::uint32_t>(std::atoi(argv[3]));
  for (int i = 0; i < std::atoi(argv[2]); ++i)
    spec.parameters.push_back({.name = "x" + std::to_string(i), .domain = Range{}});
  Searcher searcher(spec);
  std::printf("{\"algorithm\": \"%s\", \"nanoseconds\": [", argv[1]);
  for (TrialNumber number = 1; number <= spec.max_trials; ++number) {
    const auto begin = std::chrono::steady_clock::now();
    const auto start = std::get<StartTrial>(searcher.suggest());
    double value = 0;
    for (const auto& [name, x] : start.assignment)
      value += (as_number(x).value() - 0.3) * (as_number(x).value() - 0.3);
    searcher.started({number, start.assignment});
    searcher.reported({number, {.resource = 1, .values = {value}}});
    searcher.ended({number});
    const auto spent = std::chrono::steady_clock::now() - begin;
    std::printf("%s%lld", number == 1 ? "" : ", ",
                static_cast<long long>(std::chrono::nanoseconds(spent).count()));
  }
  std::printf("]}\n");
  return 0;
}
