#include <algorithm>
#include <string>

#include "worker/paramserver/start.h"

namespace dl::worker::paramserver {
namespace {

using Source = PartPlan::Source;

struct Candidate {
  Source source = Source::kNothing;
  Standpoint standpoint;
  bool can_go_back = false;
};

Candidate newest(const std::vector<Inventory>& inventories, std::size_t part) {
  const Inventory& owner = inventories[part];
  const Inventory& keeper = inventories[(part + 1) % inventories.size()];
  Candidate best;
  if (owner.own && owner.own->initialised) {
    best = {Source::kOwn, *owner.own, owner.own_can_go_back};
  }
  const bool newer = keeper.replica && keeper.replica->initialised &&
                     (best.source == Source::kNothing || *keeper.replica > best.standpoint);
  if (newer) best = {Source::kReplica, *keeper.replica, keeper.replica_can_go_back};
  return best;
}

std::optional<Clock> newest_common_checkpoint(const std::vector<Inventory>& inventories) {
  for (auto clock = inventories[0].checkpoints.rbegin(); clock != inventories[0].checkpoints.rend();
       ++clock) {
    const bool everywhere =
        std::all_of(inventories.begin(), inventories.end(),
                    [&](const Inventory& one) { return one.checkpoints.contains(*clock); });
    if (everywhere) return *clock;
  }
  return std::nullopt;
}

std::uint64_t next_epoch(const std::vector<Inventory>& inventories) {
  std::uint64_t epoch = 0;
  for (const Inventory& inventory : inventories) {
    if (inventory.own) epoch = std::max(epoch, inventory.own->epoch);
    if (inventory.replica) epoch = std::max(epoch, inventory.replica->epoch);
  }
  return epoch + 1;
}

// In synchronous mode all parts go on from the same clock; they are at most one apart, for nobody
// begins a clock before all servers have acknowledged the one before.
bool settle_clock(const std::vector<Candidate>& candidates, StartPlan& plan) {
  Clock least = candidates[0].standpoint.clock;
  for (const Candidate& one : candidates) least = std::min(least, one.standpoint.clock);
  for (std::size_t part = 0; part < candidates.size(); ++part) {
    plan.parts[part] = {.source = candidates[part].source};
    const Clock clock = candidates[part].standpoint.clock;
    if (clock == least) continue;
    if (clock != least + 1 || !candidates[part].can_go_back) return false;
    plan.parts[part].go_back = true;
  }
  return true;
}

void use_checkpoint(Clock clock, StartPlan& plan) {
  plan.restored = true;
  std::fill(plan.parts.begin(), plan.parts.end(),
            PartPlan{.source = Source::kCheckpoint, .checkpoint = clock});
}

std::string missing_parts(const std::vector<Candidate>& candidates) {
  std::string parts;
  for (std::size_t part = 0; part < candidates.size(); ++part) {
    if (candidates[part].source != Source::kNothing) continue;
    parts += (parts.empty() ? "" : ", ") + std::to_string(part);
  }
  return parts;
}

}  // namespace

Result<StartPlan> make_plan(const std::vector<Inventory>& inventories,
                            const ServerOptions& options) {
  StartPlan plan{.epoch = next_epoch(inventories),
                 .parts = std::vector<PartPlan>(inventories.size())};
  if (options.resume_clock > 0) {
    for (std::size_t part = 0; part < inventories.size(); ++part) {
      if (inventories[part].checkpoints.contains(options.resume_clock)) continue;
      return not_found("server " + std::to_string(part) + " has no checkpoint of clock " +
                       std::to_string(options.resume_clock) + " in " + options.folder.string() +
                       "; resume from another, or put the file there");
    }
    use_checkpoint(options.resume_clock, plan);
    return plan;
  }

  std::vector<Candidate> candidates;
  bool complete = true, pushed = false;
  for (std::size_t part = 0; part < inventories.size(); ++part) {
    candidates.push_back(newest(inventories, part));
    complete = complete && candidates.back().source != Source::kNothing;
    pushed = pushed || candidates.back().standpoint.sequence > 0;
  }
  if (complete) {
    plan.restored = true;
    if (options.consistency == Consistency::kSynchronous) {
      if (settle_clock(candidates, plan)) return plan;
    } else {
      for (std::size_t i = 0; i < candidates.size(); ++i)
        plan.parts[i].source = candidates[i].source;
      return plan;
    }
  }
  if (const auto clock = newest_common_checkpoint(inventories)) {
    use_checkpoint(*clock, plan);
    return plan;
  }
  if (!pushed)
    return StartPlan{.epoch = plan.epoch, .parts = std::vector<PartPlan>(inventories.size())};
  return Error{Code::kDataLoss,
               complete ? "the servers' states are of different clocks, and there is no checkpoint "
                          "of all of them; remove " +
                              options.folder.string() + " to begin anew"
                        : "the part of server " + missing_parts(candidates) +
                              " is nowhere: not in its folder, with no replica and in no common "
                              "checkpoint; bring its files back, or remove " +
                              options.folder.string() + " on all servers to begin anew"};
}

}  // namespace dl::worker::paramserver
