#include "scheduler/search/schedule/asha.h"

#include <algorithm>
#include <cmath>

namespace dl::scheduler {

Asha::Asha(const HalvingSpec& halving)
    : reduction_(halving.reduction), promotes_(halving.variant == "promotion") {
  const std::size_t most = rung_resources(halving, 0).size();
  double total = 0;
  for (std::uint32_t s = 0; s < std::max<std::uint32_t>(1, halving.brackets); ++s) {
    if (s >= most) break;  // Such a bracket would be the last one again.
    Bracket bracket;
    auto resources = rung_resources(halving, s);
    bracket.weight = std::pow(reduction_, static_cast<double>(resources.size()) - 1) /
                     static_cast<double>(resources.size());
    resources.pop_back();
    for (const std::uint64_t resource : resources) bracket.rungs.emplace_back(resource);
    bracket.waiting.resize(bracket.rungs.size());
    total += bracket.weight;
    brackets_.push_back(std::move(bracket));
  }
  for (Bracket& bracket : brackets_) bracket.weight /= total;
}

Next Asha::next(bool may_start) const {
  if (promotes_) {
    for (std::size_t from_top = 0; from_top < brackets_.front().rungs.size(); ++from_top) {
      for (const Bracket& bracket : brackets_) {
        if (from_top >= bracket.rungs.size()) continue;
        const std::size_t k = bracket.rungs.size() - 1 - from_top;
        if (bracket.waiting[k].empty()) continue;
        const auto& [loss, number] = *bracket.waiting[k].begin();
        const Rung& rung = bracket.rungs[k];
        if (rung.rank_of(number, loss) < rung.size() / reduction_)
          return {.kind = Next::Kind::kResume, .number = number};
      }
    }
  }
  if (may_start) return {.kind = Next::Kind::kStart};
  return {.kind = promotes_ && running_ > 0 ? Next::Kind::kWait : Next::Kind::kNothing};
}

void Asha::started(const Trial& trial) {
  ++running_;
  std::size_t behind = 0;
  double deficit_max = -1;
  const auto total = static_cast<double>(members_.size() + 1);
  for (std::size_t s = 0; s < brackets_.size(); ++s) {
    const double deficit = brackets_[s].weight * total - static_cast<double>(brackets_[s].trials);
    if (deficit > deficit_max) {
      deficit_max = deficit;
      behind = s;
    }
  }
  ++brackets_[behind].trials;
  members_[trial.number] = {.bracket = behind};
}

void Asha::resumed(TrialNumber number) {
  ++running_;
  stop_waiting(number);
}

void Asha::stop_waiting(TrialNumber number) {
  const Member& member = members_.at(number);
  if (member.rung > 0)
    brackets_[member.bracket].waiting[member.rung - 1].erase({member.loss, number});
}

Verdict Asha::reported(const Trial& trial, std::uint64_t resource, double loss) {
  Member& member = members_.at(trial.number);
  Verdict verdict = promotes_ ? promotion(member, trial, resource, loss)
                              : stopping(member, trial, resource, loss);
  if (verdict.action != Verdict::Action::kContinue) --running_;
  return verdict;
}

Verdict Asha::stopping(Member& member, const Trial& trial, std::uint64_t resource, double loss) {
  auto& rungs = brackets_[member.bracket].rungs;
  while (member.rung < rungs.size() && resource >= rungs[member.rung].resource()) {
    Rung& rung = rungs[member.rung++];
    const double cutoff = rung.cutoff(reduction_);
    const std::size_t rank = rung.add(trial.number, loss);
    if (loss > cutoff) {
      return stop_verdict("was number " + std::to_string(rank + 1) + " of " +
                          std::to_string(rung.size()) + " at " + std::to_string(rung.resource()) +
                          ", behind the best 1 in " + std::to_string(reduction_));
    }
  }
  return {};
}

Verdict Asha::promotion(Member& member, const Trial& trial, std::uint64_t resource, double loss) {
  auto& rungs = brackets_[member.bracket].rungs;
  if (member.rung >= rungs.size() || resource < rungs[member.rung].resource()) return {};
  // A report that crosses several rungs counts at each; it waits at the last of them.
  Bracket& bracket = brackets_[member.bracket];
  while (member.rung < rungs.size() && resource >= rungs[member.rung].resource())
    rungs[member.rung++].add(trial.number, loss);
  member.loss = loss;
  bracket.waiting[member.rung - 1].insert({loss, trial.number});
  // Also what is said of it in the end, if it is not promoted.
  return pause_verdict("not among the best 1 in " + std::to_string(reduction_) + " at " +
                       std::to_string(rungs[member.rung - 1].resource()) + " so far");
}

void Asha::ended(const Trial& trial, bool, double) {
  if (trial.state == TrialState::kRunning) --running_;
  stop_waiting(trial.number);
}

}  // namespace dl::scheduler
