// Asha against a simulator, written plainly and sharing no code with it: of the paper's algorithm 2
// (Li et al. 2020), and of the stopping rule as Ray Tune has it.

#include "scheduler/search/schedule/asha.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cmath>
#include <map>

#include "scheduler/search/random_stream.h"

using namespace dl;
using namespace dl::scheduler;

namespace {

struct Configuration {
  int trial;
  double loss;
};

// Rung k holds everybody who has trained for r · eta^k.
struct PaperAsha {
  std::uint64_t r, R, eta;
  std::map<int, std::vector<Configuration>> rungs;
  std::map<int, std::vector<int>> promoted;

  int top_rung() const {
    int k = 0;
    for (std::uint64_t resource = r; resource * eta < R; resource *= eta) ++k;
    return k;  // The last rung below R.
  }
  std::uint64_t resource_of(int k) const {
    std::uint64_t resource = r;
    for (int i = 0; i < k; ++i) resource *= eta;
    return resource;
  }
  // The best ⌊|rung| ÷ eta⌋ of a rung.
  std::vector<int> top(int k, std::size_t count) {
    auto sorted = rungs[k];
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return a.loss < b.loss || (a.loss == b.loss && a.trial < b.trial);
    });
    std::vector<int> result;
    for (std::size_t i = 0; i < count && i < sorted.size(); ++i) result.push_back(sorted[i].trial);
    return result;
  }
  // get_job: whom to promote; −1: grow the bottom rung.
  int get_job() {
    for (int k = top_rung(); k >= 0; --k) {
      for (const int trial : top(k, rungs[k].size() / eta)) {
        if (std::count(promoted[k].begin(), promoted[k].end(), trial) == 0) {
          promoted[k].push_back(trial);
          return trial;
        }
      }
    }
    return -1;
  }
  // Whether a trial that reaches rung k with this loss goes on: the losses before it in order, read
  // off a line through them at 1 ÷ eta of its length.
  bool survives(int k, int trial, double loss) {
    std::vector<double> before;
    for (const Configuration& other : rungs[k]) before.push_back(other.loss);
    rungs[k].push_back({trial, loss});
    if (before.empty()) return true;
    std::sort(before.begin(), before.end());
    before.push_back(before.back());
    const double place = static_cast<double>(before.size() - 2) / static_cast<double>(eta);
    const double rest = place - std::floor(place);
    const auto i = static_cast<std::size_t>(place);
    return loss <= (1 - rest) * before[i] + rest * before[i + 1] + 1e-9;
  }
};

struct Trace {
  HalvingSpec halving;
  std::uint64_t trials;
};

Trace trace_of(RandomStream& random, const char* variant) {
  Trace trace;
  trace.halving.min_resource = 1 + random.below(3);
  trace.halving.reduction = static_cast<std::uint32_t>(2 + random.below(3));
  trace.halving.max_resource = trace.halving.min_resource * (2 + random.below(40));
  trace.halving.variant = variant;
  trace.trials = 3 + random.below(12);
  return trace;
}

// Few different losses, so that there are ties.
double loss_of(RandomStream& random) { return static_cast<double>(random.below(6)); }

constexpr int kTraces = 50'000;  // Of each variant.

}  // namespace

TEST_CASE("ASHA stops whom a plain reading of its rule stops, on random traces", "[asha]") {
  std::size_t decisions = 0, differences = 0, stops = 0;
  for (int t = 0; t < kTraces; ++t) {
    RandomStream random(11, static_cast<std::uint64_t>(t));
    const Trace trace = trace_of(random, "stopping");
    Asha asha(trace.halving);
    PaperAsha paper{
        trace.halving.min_resource, trace.halving.max_resource, trace.halving.reduction, {}, {}};
    std::vector<Trial> trials;
    std::vector<int> next_rung;
    std::vector<std::uint64_t> trained;
    std::vector<std::size_t> running;
    while (trials.size() < trace.trials || !running.empty()) {
      // Some trial starts, or some running one trains on by a few units: any interleaving.
      if (running.empty() || (trials.size() < trace.trials && random.uniform() < 0.3)) {
        trials.push_back({.number = static_cast<TrialNumber>(trials.size() + 1)});
        asha.started(trials.back());
        running.push_back(trials.size() - 1);
        next_rung.push_back(0);
        trained.push_back(0);
        continue;
      }
      const std::size_t place = random.below(running.size()), i = running[place];
      trained[i] += 1 + random.below(trace.halving.min_resource * 3);
      const double loss = loss_of(random);
      const Verdict verdict = asha.reported(trials[i], trained[i], loss);
      bool goes_on = true;
      while (goes_on && next_rung[i] <= paper.top_rung() &&
             trained[i] >= paper.resource_of(next_rung[i]) &&
             paper.resource_of(next_rung[i]) < paper.R) {
        goes_on = paper.survives(next_rung[i], static_cast<int>(trials[i].number), loss);
        ++next_rung[i];
      }
      ++decisions;
      stops += !goes_on;
      differences += (verdict.action == Verdict::Action::kContinue) != goes_on;
      if (goes_on && trained[i] >= trace.halving.max_resource) asha.ended(trials[i], true, loss);
      if (!goes_on || trained[i] >= trace.halving.max_resource)
        running.erase(running.begin() + static_cast<std::ptrdiff_t>(place));
    }
  }
  CHECK(differences == 0);
  CHECK(stops > kTraces);
  CHECK(decisions > 10 * kTraces);
}

TEST_CASE("ASHA promotes whom the paper's get_job promotes, on random traces", "[asha]") {
  std::size_t differences = 0, promotions = 0;
  for (int t = 0; t < kTraces; ++t) {
    RandomStream random(12, static_cast<std::uint64_t>(t));
    const Trace trace = trace_of(random, "promotion");
    Asha asha(trace.halving);
    PaperAsha paper{
        trace.halving.min_resource, trace.halving.max_resource, trace.halving.reduction, {}, {}};
    std::vector<Trial> trials;
    std::map<int, int> rung_of;  // Which a running trial trains to.
    for (int step = 0; step < 60; ++step) {
      if (rung_of.empty() || random.uniform() < 0.5) {
        const int expected = paper.get_job();
        const Next next = asha.next(true);
        const int chosen = next.kind == Next::Kind::kResume ? static_cast<int>(next.number) : -1;
        differences += chosen != expected;
        if (expected > 0) {
          ++promotions;
          asha.resumed(static_cast<TrialNumber>(expected));
          int k = 0;
          while (std::count(paper.promoted[k].begin(), paper.promoted[k].end(), expected)) ++k;
          rung_of[expected] = k;
        } else {
          trials.push_back({.number = static_cast<TrialNumber>(trials.size() + 1)});
          asha.started(trials.back());
          rung_of[static_cast<int>(trials.back().number)] = 0;
        }
        continue;
      }
      const auto place =
          std::next(rung_of.begin(), static_cast<std::ptrdiff_t>(random.below(rung_of.size())));
      const auto [trial, k] = *place;
      const double loss = loss_of(random);
      Trial& record = trials[static_cast<std::size_t>(trial) - 1];
      rung_of.erase(place);
      if (k > paper.top_rung()) {
        asha.ended(record, true, loss);  // Trained to R.
        continue;
      }
      paper.rungs[k].push_back({trial, loss});
      const Verdict verdict = asha.reported(record, paper.resource_of(k), loss);
      differences += verdict.action != Verdict::Action::kPause;
    }
  }
  CHECK(differences == 0);
  CHECK(promotions > kTraces);
}
