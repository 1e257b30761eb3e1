#include "daemon/coordinator/explain.h"

#include <algorithm>

#include "daemon/coordinator/decide/snapshot.h"
#include "daemon/coordinator/derived.h"
#include "daemon/coordinator/lookup.h"
#include "scheduler/placement/place_gang.h"

namespace dl::coordinator {
namespace {

constexpr std::size_t kNodesShown = 20;

std::string job_name(JobId id) { return "job " + to_string(id); }

std::string count_of(std::uint64_t free, std::uint64_t total, const char* what) {
  return std::to_string(free) + " of " + std::to_string(total) + " " + what;
}

std::string free_on(const NodeSnapshot& snapshot, const Node& node) {
  std::string text = "node " + snapshot.id + ": ";
  if (snapshot.gpus > 0) {
    text += count_of(snapshot.free_gpus.size(), snapshot.gpus, "GPUs") + " and ";
  }
  text += count_of(snapshot.free_cpus, snapshot.cpus, "CPU slots") + " free";
  if (node.state != NodeState::kReady) text += ", " + std::string(to_string(node.state));
  if (node.state == NodeState::kDraining && !node.drain_reason.empty()) {
    text += " (" + node.drain_reason + ")";
  }
  if (!node.foreign.empty()) {
    text += ", still ends " + to_string(*node.foreign.begin()) + " of an attempt that is over";
  }
  return text;
}

std::vector<std::string> nodes_evidence(const State& state, const ClusterSnapshot& cluster) {
  std::vector<std::string> evidence;
  for (const auto& node : cluster) {
    if (evidence.size() == kNodesShown) {
      evidence.push_back("and " + std::to_string(cluster.size() - kNodesShown) + " more nodes");
      break;
    }
    evidence.push_back(free_on(node, state.nodes.at(node.id)));
  }
  for (const auto& [id, node] : state.nodes) {
    if (node.state == NodeState::kLost) evidence.push_back("node " + id + ": lost");
  }
  return evidence;
}

Explanation explain_back_off(const Job& job, const Trial& trial, Timestamp now) {
  const auto left = std::max(trial.eligible - now, Duration{0});
  Explanation out{.reason = "waits " + to_short_string(left) + " before attempt " +
                            std::to_string(trial.attempts + 1),
                  .evidence = {},
                  .next_step = "see `dlctl logs " + to_string(job.id) + "`"};
  if (trial.last_failure) {
    out.reason += ", because attempt " + std::to_string(trial.attempts) + " failed (" +
                  std::string(to_string(trial.last_failure->kind)) + ")";
    out.evidence.push_back(trial.last_failure->message);
  }
  return out;
}

Explanation explain_turn(const State& state, const Job& job, const Trial& trial) {
  const auto cluster = known_nodes(state);
  if (cluster.empty()) {
    return {.reason = "waits for a node: none is connected",
            .evidence = nodes_evidence(state, cluster),
            .next_step = "start an agent: `dl-agentd`, or `dlctl dev up`"};
  }
  const auto placed = scheduler::place_gang(cluster, {.roles = spec_of(job, trial).roles});
  if (placed) return {.reason = "is about to start", .evidence = {}, .next_step = {}};
  Explanation out{.reason = {}, .evidence = nodes_evidence(state, cluster), .next_step = {}};
  if (placed.error().code == Code::kInvalidArgument) {
    out.reason = "is larger than the cluster: " + placed.error().message;
    out.next_step = "add nodes, or cancel it (`dlctl cancel " + to_string(job.id) +
                    "`) and submit it with less";
  } else {
    out.reason = "waits for slots: " + placed.error().message;
    out.next_step = "it starts when enough is free; `dlctl jobs` shows who runs";
  }
  return out;
}

Explanation explain_queued(const State& state, const Job& job, const TrialId& id,
                           const Trial& trial, Timestamp now) {
  if (trial.eligible > now) return explain_back_off(job, trial, now);
  if (!state.blocked || !(*state.blocked < id)) return explain_turn(state, job, trial);
  const Job* head = find_job(state, state.blocked->job);
  const Trial* first = find_trial(state, *state.blocked);
  Explanation out{.reason = "waits behind " + job_name(state.blocked->job),
                  .evidence = {},
                  .next_step = "see `dlctl explain " + to_string(state.blocked->job) + "`"};
  if (head != nullptr && first != nullptr) {
    out.evidence.push_back(job_name(head->id) + " (" + head->name + ") " +
                           explain_turn(state, *head, *first).reason);
  }
  return out;
}

// "worker:1 on node b", for the first task in that state, and how many more there are.
std::string tasks_in(const Attempt& attempt, TaskState wanted) {
  std::string text;
  std::size_t count = 0;
  for (const auto& task : attempt.tasks) {
    if (task.state != wanted) continue;
    if (count++ == 0) text = short_name(task) + " on node " + task.slots.node;
  }
  if (count > 1) text += " and " + std::to_string(count - 1) + " more";
  return text;
}

// The first node away that holds tasks of the attempt.
const Node* missing_node(const State& state, const Attempt& attempt) {
  for (const auto& task : attempt.tasks) {
    const Node* node = is_live(task) ? find_node(state, task.slots.node) : nullptr;
    if (node != nullptr && node->state == NodeState::kDisconnected) return node;
  }
  return nullptr;
}

std::string stop_text(StopReason reason) {
  switch (reason) {
    case StopReason::kNone: return "stops";
    case StopReason::kCompleted: return "its workers are done and the rest stops";
    case StopReason::kPaused: return "pauses, as its search decided";
    case StopReason::kPruned: return "stops early, as its search decided";
    case StopReason::kPreempted: return "gives way to another job";
    case StopReason::kFailed: return "stops after a failure";
    case StopReason::kCancelled: return "stops because it was cancelled";
    case StopReason::kKilled: return "is killed because it was asked for";
  }
  return "stops";
}

Explanation explain_attempt(const State& state, const Settings& settings, const Job& job,
                            const Attempt& attempt, Timestamp now) {
  Explanation out;
  if (attempt.state == AttemptState::kStopping) {
    out.reason = stop_text(attempt.stop) + ": waits for " +
                 tasks_in(attempt, TaskState::kStopping) + " to end";
    if (attempt.failure) out.evidence.push_back(attempt.failure->message);
    if (attempt.stop == StopReason::kCancelled) {
      out.next_step = "`dlctl cancel --kill " + to_string(job.id) + "` does not wait";
    }
  } else if (attempt.state == AttemptState::kStarting) {
    out.reason = "starts: waits for " + tasks_in(attempt, TaskState::kStarting);
  } else {
    out.reason = "runs";
  }
  if (const Node* node = missing_node(state, attempt)) {
    const auto left = std::max(node->changed + Duration(settings.lost_after) - now, Duration{0});
    out.reason = "waits for node " + node->id + ", whose agent is away; given up in " +
                 to_short_string(left);
    out.next_step = "start the agent of node " + node->id + " again, or wait";
  }
  return out;
}

std::string trials_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " trial" : " trials");
}

// "5 of 24 trials have started"
std::string started_text(const Job& job) {
  const auto most = job.search->max_trials;
  const std::string of = most > 0 ? " of " + std::to_string(most) : "";
  return std::to_string(job.trials.size()) + of + " trials have started";
}

// Why no more of a search's trials start; absent when they do, as far as it goes.
std::optional<Explanation> explain_search(const State& state, const Job& job) {
  const Search& search = *job.search;
  const auto active = active_trials(state, job.id).size();
  const std::string rest =
      active == 0 ? "" : "; " + trials_text(active) + (active == 1 ? " goes on" : " go on");
  if (search.over) {
    return Explanation{
        .reason = "starts no more trials: " + *search.over + rest, .evidence = {}, .next_step = {}};
  }
  if (search.paused) {
    const std::string by = search.paused_by.empty() ? "" : " by " + search.paused_by;
    return Explanation{.reason = "is paused" + by + rest,
                       .evidence = {started_text(job)},
                       .next_step = "`dlctl resume " + to_string(job.id) + "` starts trials again"};
  }
  const bool all_started = search.max_trials > 0 && job.trials.size() >= search.max_trials;
  if (!all_started || !has_live_attempt(state, job)) return std::nullopt;
  return Explanation{.reason = started_text(job) + "; waits for " + trials_text(active) + " to end",
                     .evidence = {},
                     .next_step = "`dlctl extend " + to_string(job.id) + "` lets it try more"};
}

Explanation explain_ended(const Job& job) {
  Explanation out{.reason = std::string(to_string(job.state)), .evidence = {}, .next_step = {}};
  if (job.failure) {
    out.reason =
        "failed (" + std::string(to_string(job.failure->kind)) + "): " + job.failure->message;
  }
  if (job.search && job.search->over) out.evidence.push_back(*job.search->over);
  for (const auto& [number, trial] : job.trials) {
    if (trial.attempts > 1 && !job.search) {
      out.evidence.push_back("trial " + to_string(TrialId{job.id, number}) + " was started " +
                             std::to_string(trial.attempts) + " times");
    }
  }
  if (job.state == JobState::kFailed) out.next_step = "see `dlctl logs " + to_string(job.id) + "`";
  return out;
}

}  // namespace

Explanation explain(const State& state, const Settings& settings, const Job& job, Timestamp now) {
  if (is_terminal(job.state)) return explain_ended(job);
  const auto& active = active_trials(state, job.id);
  if (job.search && job.stop == StopReason::kNone) {
    if (auto reason = explain_search(state, job)) return *std::move(reason);
  }
  for (const auto number : active) {
    if (const Attempt* attempt = live_attempt(job.trials.at(number))) {
      Explanation out = explain_attempt(state, settings, job, *attempt, now);
      if (job.search) out.evidence.push_back(started_text(job));
      return out;
    }
  }
  if (!active.empty()) {
    const TrialId first{job.id, *active.begin()};
    return explain_queued(state, job, first, job.trials.at(first.trial), now);
  }
  return {.reason = std::string(to_string(job.state)), .evidence = {}, .next_step = {}};
}

std::string why(const State& state, const Settings& settings, const Job& job, Timestamp now) {
  if (job.state == JobState::kSucceeded || job.state == JobState::kCancelled) return {};
  auto reason = explain(state, settings, job, now).reason;
  return reason == "runs" ? std::string{} : reason;
}

}  // namespace dl::coordinator
