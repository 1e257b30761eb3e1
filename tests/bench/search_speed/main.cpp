// search_speed ALGORITHM PARAMETERS TRIALS [FILE]: the time of ask and tell for each trial of a
// search, one trial at a time, as a line of JSON: nanoseconds, trial by trial.
//
// With FILE it includes keeping them: a row in the journal table of a coordinator's database, on
// stable storage before the next step, for the start of each trial and for its result.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "base/memory.h"
#include "daemon/runtime/journal/checksum.h"
#include "daemon/runtime/journal/schema.h"
#include "scheduler/search/searcher.h"

using namespace dl;
using namespace dl::scheduler;
namespace journal = dl::runtime::journal;

namespace {

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "search_speed: %s\n", result.error().message.c_str());
  std::exit(2);
}

class Kept {
 public:
  explicit Kept(const char* file)
      : database_(must(journal::open_for_writing(file))),
        insert_(must(database_.prepare(
            "INSERT INTO journal(seq, at, checksum, mutation) VALUES(?, 0, ?, ?)"))) {}

  void keep(const std::string& text) {
    const bool done =
        database_.execute("BEGIN IMMEDIATE") &&
        insert_.bind(1, ++rows_).bind(2, journal::checksum(text)).bind(3, text).run() &&
        database_.execute("COMMIT");
    if (done) return;
    std::fprintf(stderr, "search_speed: the database cannot be written\n");
    std::exit(2);
  }

 private:
  journal::Database database_;
  journal::Statement insert_;
  std::uint64_t rows_ = 0;
};

std::string text_of(TrialNumber number, const Assignment& assignment) {
  std::string text = "{\"trial_started\":{\"trial\":" + std::to_string(number);
  for (const auto& [name, value] : assignment) text += ",\"" + name + "\":" + to_string(value);
  return text + "}}";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) {
    std::fprintf(stderr, "usage: search_speed ALGORITHM PARAMETERS TRIALS [FILE]\n");
    return 2;
  }
  keep_freed_memory(kSuggestionMemory);  // As the coordinator does.
  SearchSpec spec;
  spec.objectives = {{.metric = "value", .goal = "minimize"}};
  spec.algorithm = argv[1];
  spec.max_trials = static_cast<std::uint32_t>(std::atoi(argv[3]));
  for (int i = 0; i < std::atoi(argv[2]); ++i)
    spec.parameters.push_back({.name = "x" + std::to_string(i), .domain = Range{}});
  Searcher searcher(spec);
  std::optional<Kept> kept;
  if (argc == 5) kept.emplace(argv[4]);
  std::printf("{\"algorithm\": \"%s\", \"nanoseconds\": [", argv[1]);
  for (TrialNumber number = 1; number <= spec.max_trials; ++number) {
    const auto begin = std::chrono::steady_clock::now();
    const auto start = std::get<StartTrial>(searcher.suggest());
    if (kept) kept->keep(text_of(number, start.assignment));
    double value = 0;
    for (const auto& [name, x] : start.assignment)
      value += (as_number(x).value() - 0.3) * (as_number(x).value() - 0.3);
    searcher.started({number, start.assignment});
    if (kept) kept->keep(text_of(number, {{"value", value}}));
    searcher.reported({number, {.resource = 1, .values = {value}}});
    searcher.ended({number});
    const auto spent = std::chrono::steady_clock::now() - begin;
    std::printf("%s%lld", number == 1 ? "" : ", ",
                static_cast<long long>(std::chrono::nanoseconds(spent).count()));
  }
  std::printf("]}\n");
  return 0;
}
