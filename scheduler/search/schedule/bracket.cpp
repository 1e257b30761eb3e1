#include "scheduler/search/schedule/bracket.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace dl::scheduler {

Brackets::Brackets(Kind kind, const HalvingSpec& halving, std::uint32_t max_trials)
    : kind_(kind), halving_(halving), max_trials_(max_trials) {}

Brackets::Bracket Brackets::make_bracket() const {
  const std::size_t most = rung_resources(halving_, 0).size();
  const bool cycles = kind_ == Kind::kHyperband;
  const auto skipped = static_cast<std::uint32_t>(cycles ? brackets_.size() % most : 0);
  Bracket bracket;
  for (const std::uint64_t resource : rung_resources(halving_, skipped))
    bracket.rungs.emplace_back(resource);
  std::size_t planned = 0;
  for (const Bracket& other : brackets_) planned += other.size;
  const std::size_t left = max_trials_ > planned ? max_trials_ - planned : 1;
  bracket.size = left;
  if (cycles) {
    // n = ⌈(s_max + 1) ÷ (s + 1) · reduction^s⌉ with s rungs before the last.
    const auto rungs = static_cast<double>(bracket.rungs.size());
    const double trials = std::ceil(
        static_cast<double>(most) / rungs * std::pow(halving_.reduction, rungs - 1) - 1e-9);
    bracket.size = std::min(left, static_cast<std::size_t>(trials));
  }
  return bracket;
}

Next Brackets::next(bool may_start) const {
  bool waits = false;
  for (const Bracket& bracket : brackets_) {
    if (!bracket.promoted.empty())
      return {.kind = Next::Kind::kResume, .number = *bracket.promoted.begin()};
    waits = waits || !bracket.training.empty();
  }
  if (may_start) return {.kind = Next::Kind::kStart};
  return {.kind = waits ? Next::Kind::kWait : Next::Kind::kNothing};
}

void Brackets::started(const Trial& trial) {
  auto place = std::find_if(brackets_.begin(), brackets_.end(),
                            [](const Bracket& bracket) { return bracket.started < bracket.size; });
  if (place == brackets_.end()) place = brackets_.insert(brackets_.end(), make_bracket());
  ++place->started;
  place->training.insert(trial.number);
  bracket_of_[trial.number] = static_cast<std::size_t>(place - brackets_.begin());
}

void Brackets::resumed(TrialNumber number) {
  Bracket& bracket = brackets_[bracket_of_.at(number)];
  bracket.promoted.erase(number);
  bracket.training.insert(number);
}

Verdict Brackets::reported(const Trial& trial, std::uint64_t resource, double loss) {
  Bracket& bracket = brackets_[bracket_of_.at(trial.number)];
  Rung& rung = bracket.rungs[bracket.rung];
  const bool is_last = bracket.rung + 1 == bracket.rungs.size();
  if (is_last || resource < rung.resource()) return {};
  bracket.training.erase(trial.number);
  rung.add(trial.number, loss);
  const std::uint64_t reached = rung.resource();
  advance(bracket);
  return pause_verdict("waits at " + std::to_string(reached) +
                       " until the other trials of its bracket are there");
}

void Brackets::advance(Bracket& bracket) const {
  while (bracket.training.empty() && bracket.promoted.empty() && bracket.started >= bracket.size &&
         bracket.rung + 1 < bracket.rungs.size()) {
    const Rung& rung = bracket.rungs[bracket.rung++];
    const std::size_t places = std::max<std::size_t>(1, rung.size() / halving_.reduction);
    for (const TrialNumber number : rung.top(places)) {
      if (!failed_.contains(number)) bracket.promoted.insert(number);
    }
  }
}

void Brackets::ended(const Trial& trial, bool succeeded, double) {
  Bracket& bracket = brackets_[bracket_of_.at(trial.number)];
  if (!succeeded) failed_.insert(trial.number);
  const bool was_training = bracket.training.erase(trial.number) > 0;
  const bool was_promoted = bracket.promoted.erase(trial.number) > 0;
  if (!succeeded && was_training && bracket.rung == 0) --bracket.started;
  if (was_training || was_promoted) advance(bracket);
}

}  // namespace dl::scheduler
