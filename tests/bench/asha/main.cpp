// The Searcher as asha_bench.py needs it.
//
//   asha_bench decide VARIANT MIN MAX REDUCTION
//       Decides on the trials that stdin tells of, a line each, and answers each line with one:
//         next          start | resume TRIAL | wait | over
//         report TRIAL RESOURCE LOSS             continue | pause | stop
//         end TRIAL                              ok
//       A trial that is to start or to resume counts as started or resumed at once. What it tries
//       is the caller's business.
//   asha_bench idle VARIANT WORKERS TRIALS
//       Simulates so many workers until so many trials have started, and prints how long workers
//       waited. A simulated coordinator is busy with a decision for as long as the decision really
//       took this processor; whoever asks meanwhile waits.

#include <time.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <queue>
#include <sstream>
#include <string>
#include <tuple>

#include "scheduler/search/numeric/elementary.h"
#include "scheduler/search/random_stream.h"
#include "scheduler/search/searcher.h"

using namespace dl;
using namespace dl::scheduler;

namespace {

SearchSpec spec_of(const std::string& variant, const HalvingSpec& halving, std::uint32_t trials) {
  SearchSpec spec;
  spec.objectives = {{.metric = "loss", .goal = "minimize"}};
  spec.algorithm = "asha";
  spec.max_trials = trials;
  spec.halving = halving;
  spec.halving.variant = variant;
  spec.parameters = {
      {.name = "rate", .domain = Range{.low = 1e-4, .high = 1, .scale = Scale::kLog}},
      {.name = "units", .domain = Range{.low = 1, .high = 1024, .step = 1, .whole = true}}};
  return spec;
}

// Takes up what is suggested: the number of the trial to train on; 0: none for now.
TrialNumber take(Searcher& searcher, Suggestion& suggestion) {
  suggestion = searcher.suggest();
  if (const auto* start = std::get_if<StartTrial>(&suggestion)) {
    const auto number = static_cast<TrialNumber>(searcher.trials().size() + 1);
    searcher.started({.number = number, .assignment = start->assignment});
    return number;
  }
  if (const auto* resume = std::get_if<ResumeTrial>(&suggestion)) {
    searcher.resumed({resume->number});
    return resume->number;
  }
  return 0;
}

const char* name_of(Verdict::Action action) {
  switch (action) {
    case Verdict::Action::kContinue: return "continue";
    case Verdict::Action::kPause: return "pause";
    case Verdict::Action::kStop: return "stop";
  }
  return "";
}

int decide(const std::string& variant, const HalvingSpec& halving) {
  Searcher searcher(spec_of(variant, halving, kTrialsMax));
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string verb;
    TrialNumber trial = 0;
    words >> verb >> trial;
    if (verb == "next") {
      Suggestion suggestion;
      const TrialNumber number = take(searcher, suggestion);
      if (std::holds_alternative<StartTrial>(suggestion))
        std::cout << "start";
      else if (number > 0)
        std::cout << "resume " << number;
      else
        std::cout << (std::holds_alternative<WaitForTrials>(suggestion) ? "wait" : "over");
    } else if (verb == "report") {
      Measurement measurement{.values = {0}};
      words >> measurement.resource >> measurement.values[0];
      std::cout << name_of(searcher.reported({trial, measurement}).action);
    } else if (verb == "end") {
      searcher.ended({trial});
      std::cout << "ok";
    } else {
      std::fprintf(stderr, "asha_bench: what is \"%s\"?\n", line.c_str());
      return 2;
    }
    std::cout << std::endl;
  }
  return 0;
}

double processor_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Workers train one trial each, an epoch in about a second; some trials are slower than others.
class Simulation {
 public:
  Simulation(const std::string& variant, std::uint32_t workers, std::uint32_t trials)
      : searcher_(spec_of(variant, kHalving, trials)), workers_(workers), trials_(trials) {}

  void run() {
    for (std::uint32_t worker = 0; worker < workers_; ++worker) give_work(0, 0);
    while (!epochs_.empty() && searcher_.trials().size() < trials_) {
      const auto [time, number] = epochs_.top();
      epochs_.pop();
      end_epoch(time, number);
    }
    for (const double since : waiting_) idle_ += end_ - since;
  }

  void print(const std::string& variant) const {
    const double worked = end_ * workers_;
    std::printf(
        "{\"variant\": \"%s\", \"workers\": %u, \"trials\": %zu, \"epochs\": %llu, "
        "\"seconds\": %.1f, \"idle_share\": %.6f, \"decisions_busy_share\": %.6f}\n",
        variant.c_str(), workers_, searcher_.trials().size(),
        static_cast<unsigned long long>(reports_), end_, idle_ / worked, deciding_ / end_);
  }

 private:
  static constexpr HalvingSpec kHalving{.min_resource = 1, .max_resource = 64, .reduction = 4};

  // When the decision that is made from `asked` on is there.
  template <class Decision>
  double decided(double asked, Decision decision) {
    const double begin = processor_seconds();
    decision();
    const double took = processor_seconds() - begin;
    free_ = std::max(asked, free_) + took;
    deciding_ += took;
    end_ = std::max(end_, free_);
    return free_;
  }

  // A worker has been without a trial since `idle_since`, and asks now.
  void give_work(double idle_since, double now) {
    TrialNumber number = 0;
    Suggestion suggestion;
    const double then = decided(now, [&] { number = take(searcher_, suggestion); });
    if (number == 0)
      waiting_.push_back(idle_since);
    else
      train(number, idle_since, then);
  }

  void train(TrialNumber number, double idle_since, double now) {
    idle_ += now - idle_since;
    RandomStream random(3, number);
    epochs_.push({now + exp_of(0.3 * random.normal()), number});
  }

  void end_epoch(double now, TrialNumber number) {
    ++reports_;
    const auto& reports = searcher_.trials()[number - 1].reports;
    const std::uint64_t epoch = reports.empty() ? 1 : reports.back().resource + 1;
    RandomStream noise(4, (std::uint64_t{number} << 16) | epoch);
    RandomStream quality(5, number);
    const double loss = quality.uniform() + 1.0 / static_cast<double>(epoch) + 0.1 * noise.normal();
    Verdict verdict;
    const double then = decided(now, [&] {
      verdict = searcher_.reported({number, {.resource = epoch, .values = {loss}}});
      if (epoch == kHalving.max_resource) searcher_.ended({number});
    });
    const bool goes_on =
        verdict.action == Verdict::Action::kContinue && epoch < kHalving.max_resource;
    if (goes_on)
      train(number, now, then);
    else
      waiting_.push_back(now);
    // What was reported may have made work for those who wait.
    for (std::size_t asking = waiting_.size(); asking > 0; --asking) {
      const double since = waiting_.front();
      waiting_.erase(waiting_.begin());
      const std::size_t before = waiting_.size();
      give_work(since, then);
      if (waiting_.size() > before) break;
    }
  }

  using Epoch = std::pair<double, TrialNumber>;  // Its end, and whose it is.

  Searcher searcher_;
  std::uint32_t workers_, trials_;
  std::priority_queue<Epoch, std::vector<Epoch>, std::greater<>> epochs_;
  std::vector<double> waiting_;  // Since when.
  double free_ = 0, end_ = 0, idle_ = 0, deciding_ = 0;
  std::uint64_t reports_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const std::string mode = argc > 2 ? argv[1] : "";
  const auto number = [&](int i) { return static_cast<std::uint32_t>(std::atoi(argv[i])); };
  if (mode == "decide" && argc == 6) {
    return decide(argv[2],
                  {.min_resource = number(3), .max_resource = number(4), .reduction = number(5)});
  }
  if (mode == "idle" && argc == 5) {
    Simulation simulation(argv[2], number(3), number(4));
    simulation.run();
    simulation.print(argv[2]);
    return 0;
  }
  std::fprintf(stderr,
               "usage: asha_bench decide VARIANT MIN MAX REDUCTION\n"
               "       asha_bench idle VARIANT WORKERS TRIALS\n");
  return 2;
}
