// search_quality TABLE OBJECTIVE ALGORITHM FIRST_SEED SEEDS TRIALS: searches one objective once for
// each seed, one trial at a time. A line of JSON for each seed: the values and the points in order.

#include <cstdio>
#include <cstdlib>
#include <string>

#include "scheduler/search/searcher.h"
#include "tests/bench/search_quality/objectives.h"

using namespace dl;
using namespace dl::scheduler;

namespace {

std::string json_of(const ParameterValue& value) {
  if (std::holds_alternative<std::string>(value)) return '"' + std::get<std::string>(value) + '"';
  return to_string(value);
}

std::string json_of(const Assignment& assignment) {
  std::string text;
  for (const auto& [name, value] : assignment)
    text += (text.empty() ? "{\"" : ", \"") + name + "\": " + json_of(value);
  return text + "}";
}

void search(const bench::TestObjective& objective, const std::string& algorithm, std::uint64_t seed,
            std::uint32_t trials) {
  SearchSpec spec;
  spec.objectives = {{.metric = "value", .goal = "minimize"}};
  spec.algorithm = algorithm;
  spec.max_trials = trials;
  spec.seed = seed;
  spec.parameters = objective.parameters;
  Searcher searcher(spec);
  std::string values, points;
  for (TrialNumber number = 1; number <= trials; ++number) {
    const Suggestion suggestion = searcher.suggest();
    const auto* start = std::get_if<StartTrial>(&suggestion);
    if (start == nullptr) break;
    const double value = objective.value(start->assignment);
    searcher.started({.number = number, .assignment = start->assignment});
    searcher.reported({number, {.resource = 1, .values = {value}}});
    searcher.ended({.number = number});
    values += (values.empty() ? "" : ", ") + to_string(ParameterValue(value));
    points += (points.empty() ? "" : ", ") + json_of(start->assignment);
  }
  std::printf(
      "{\"objective\": \"%s\", \"algorithm\": \"%s\", \"seed\": %llu, \"values\": [%s], "
      "\"points\": [%s]}\n",
      objective.name.c_str(), algorithm.c_str(), static_cast<unsigned long long>(seed),
      values.c_str(), points.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr,
                 "usage: search_quality TABLE OBJECTIVE ALGORITHM FIRST_SEED SEEDS TRIALS\n");
    return 2;
  }
  for (const bench::TestObjective& objective : bench::test_objectives(argv[1])) {
    if (objective.name != argv[2]) continue;
    const std::uint64_t first = std::strtoull(argv[4], nullptr, 10);
    const std::uint64_t count = std::strtoull(argv[5], nullptr, 10);
    for (std::uint64_t seed = first; seed < first + count; ++seed)
      search(objective, argv[3], seed, static_cast<std::uint32_t>(std::atoi(argv[6])));
    return 0;
  }
  std::fprintf(stderr, "search_quality: there is no objective %s\n", argv[2]);
  return 2;
}
