#include "scheduler/search/schedule/population.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace dl::scheduler {

Next Population::next(bool may_start) const {
  if (!may_start) return {.kind = Next::Kind::kNothing};
  if (!heirs_.empty()) return {.kind = Next::Kind::kStart, .assignment = heirs_.front()};
  if (members_.size() < spec_.population) return {.kind = Next::Kind::kStart};
  const bool trains = std::any_of(members_.begin(), members_.end(),
                                  [](const auto& member) { return !member.second.over; });
  return {.kind = trains ? Next::Kind::kWait : Next::Kind::kNothing};
}

void Population::started(const Trial& trial) {
  if (!heirs_.empty() && heirs_.front().from == trial.from) heirs_.pop_front();
  members_[trial.number] = {.assignment = trial.assignment};
}

Verdict Population::reported(const Trial& trial, std::uint64_t resource, double loss) {
  Member& member = members_.at(trial.number);
  if (member.next_look == 0) {
    // An heir goes on where its parent's checkpoint is.
    const std::uint64_t begun = trial.from == 0 ? 0 : resource - 1;
    member.next_look = (begun / spec_.interval + 1) * spec_.interval;
  }
  member.loss = loss;
  member.reported = true;
  if (resource < member.next_look) return {};
  member.next_look = (resource / spec_.interval + 1) * spec_.interval;

  std::vector<std::pair<double, TrialNumber>> order;
  for (const auto& [number, other] : members_) {
    if (other.reported) order.emplace_back(other.loss, number);
  }
  std::sort(order.begin(), order.end());
  auto few = static_cast<std::size_t>(spec_.quantile * static_cast<double>(order.size()));
  // Too few to tell, unless the whole population is as small.
  if (few == 0 && order.size() < std::max(2U, spec_.population)) return {};
  few = std::max<std::size_t>(1, few);
  const auto rank = static_cast<std::size_t>(
      std::find(order.begin(), order.end(), std::pair(loss, trial.number)) - order.begin());
  if (rank + few < order.size() || rank < few) return {};

  RandomStream random(seed_, (std::uint64_t{trial.number} << 32) ^ resource);
  const TrialNumber parent = order[random.below(few)].second;
  heirs_.push_back(
      {.assignment = explored(members_.at(parent).assignment, random), .from = parent});
  members_.erase(trial.number);
  return stop_verdict("is among the worst " + std::to_string(few) + " of " +
                      std::to_string(order.size()) + "; one from trial " + std::to_string(parent) +
                      " takes its place");
}

Assignment Population::explored(const Assignment& parent, RandomStream& random) const {
  const Point old = space_.to_point(parent);
  Point point = space_.random_point(random);
  for (std::size_t i = 0; i < space_.size(); ++i) {
    const bool resampled = random.uniform() < spec_.resample_probability;
    const bool up = random.uniform() < 0.5;
    if (resampled || std::isnan(old[i])) continue;
    point[i] = old[i];
    if (space_.axis(i).is_category()) continue;
    const Parameter& parameter = space_.parameters()[i];
    const double x = as_number(parent.at(parameter.name)).value_or(0);
    const double moved =
        space_.coordinate_of_number(i, x * (up ? 1 + spec_.perturbation : 1 - spec_.perturbation));
    point[i] = moved;
    if (space_.axis(i).kind == Axis::Kind::kStepped && moved == old[i])
      point[i] = space_.neighbour(i, old[i], up ? 1 : -1);
  }
  return space_.to_assignment(space_.normalized(point));
}

void Population::ended(const Trial& trial, bool succeeded, double) {
  const auto member = members_.find(trial.number);
  if (member == members_.end()) return;
  if (succeeded)
    member->second.over = true;
  else
    members_.erase(member);
}

}  // namespace dl::scheduler
