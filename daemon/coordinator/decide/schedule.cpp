#include <algorithm>
#include <map>

#include "base/assert.h"
#include "daemon/coordinator/decide/draft.h"
#include "daemon/coordinator/decide/gang_orders.h"
#include "daemon/coordinator/decide/random.h"
#include "daemon/coordinator/decide/snapshot.h"
#include "daemon/coordinator/derived.h"
#include "scheduler/placement/place_gang.h"

namespace dl::coordinator {
namespace {

// Gangs that are larger than the cluster do not hold up those behind them, up to so many.
constexpr std::size_t kPassedOverMax = 1000;

// Whether a mutation may let a gang go that had to wait before: slots or ports have become free,
// or it is another gang's turn.
struct MakesRoom {
  const State& state;

  bool operator()(const JobSubmitted&) const { return !state.blocked; }
  bool operator()(const BackoffEnded& m) const { return may_precede(m.trial); }
  bool operator()(const TrialCreated& m) const { return may_precede(m.trial); }
  bool operator()(const TrialResumed& m) const { return may_precede(m.trial); }
  bool operator()(const TrialEnded&) const { return true; }
  bool operator()(const JobStopping&) const { return true; }
  bool operator()(const JobEnded&) const { return true; }
  bool operator()(const AttemptEnded&) const { return true; }
  bool operator()(const TaskUpdated& m) const { return m.state == TaskState::kExited; }
  bool operator()(const NodeConnected&) const { return true; }
  bool operator()(const NodePortsOffered&) const { return true; }
  bool operator()(const NodeForeignTasks&) const { return true; }
  bool operator()(const NodeStateChanged&) const { return true; }
  bool operator()(const NodeDrained&) const { return true; }
  template <class Other>
  bool operator()(const Other&) const {
    return false;
  }

  bool may_precede(const TrialId& trial) const { return !state.blocked || trial < *state.blocked; }
};

// 128 bits in hexadecimal.
std::string make_secret(std::uint64_t& seed) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string secret;
  for (int word = 0; word < 2; ++word) {
    std::uint64_t bits = next_random(seed);
    for (int i = 0; i < 16; ++i, bits >>= 4) secret += kDigits[bits & 15];
  }
  return secret;
}

// One pass over the queue: every gang that is placed takes its slots from the same snapshot.
class Pass {
 public:
  explicit Pass(Draft& draft)
      : draft_(draft), cluster_(known_nodes(draft.state)), seed_(draft.state.seed) {}

  void run() {
    std::optional<TrialId> blocked;
    for (const auto& id : draft_.state.index.queue) {
      if (place(id)) continue;
      blocked = id;
      break;
    }
    if (blocked != draft_.state.blocked) draft_.mutate(QueueBlocked{blocked});
  }

 private:
  // False: it is this gang's turn, and it has to wait.
  bool place(const TrialId& id) {
    if (!any_placeable()) return false;
    const Job* job = find_job(draft_.state, id.job);
    const auto& roles = spec_of(*job, job->trials.at(id.trial)).roles;
    const auto placement = scheduler::place_gang(cluster_, {.roles = roles});
    if (placement) {
      start(id, *placement);
      return true;
    }
    return placement.error().code == Code::kInvalidArgument && ++passed_over_ <= kPassedOverMax;
  }

  bool any_placeable() const {
    return std::any_of(cluster_.begin(), cluster_.end(),
                       [](const NodeSnapshot& node) { return node.placeable; });
  }

  void start(const TrialId& id, const scheduler::Placement& placement) {
    const Trial* trial = find_trial(draft_.state, id);
    AttemptPlaced placed{.attempt = {id.job, id.trial, trial->attempts + 1},
                         .at = draft_.now,
                         .secret = make_secret(seed_),
                         .tasks = {},
                         .next_seed = 0};
    placed.next_seed = seed_;
    for (const auto& task : placement)
      placed.tasks.push_back(take_slots(task, placed.tasks.size()));
    const GangOrders orders(draft_.state, draft_.settings, placed.attempt, placed.secret,
                            placed.tasks);
    for (const auto& task : placed.tasks) draft_.effect(orders.start(task));
    draft_.mutate(std::move(placed));
  }

  Task take_slots(const scheduler::TaskPlacement& placement, std::size_t rank) {
    NodeSnapshot& node =
        *std::find_if(cluster_.begin(), cluster_.end(),
                      [&](const NodeSnapshot& n) { return n.id == placement.slots.node; });
    node.free_cpus -= placement.slots.cpus;
    node.free_memory_bytes -= placement.slots.memory_bytes;
    for (const auto gpu : placement.slots.gpu_indexes) std::erase(node.free_gpus, gpu);
    Task task;
    task.role = placement.role;
    task.index = placement.index;
    task.rank = static_cast<std::uint32_t>(rank);
    task.slots = placement.slots;
    task.ports.push_back(take_port(node));
    if (rank == 0) task.ports.push_back(take_port(node));
    return task;
  }

  std::uint16_t take_port(NodeSnapshot& node) {
    DL_ASSERT(node.free_ports > 0, "placement counts the ports");
    --node.free_ports;
    const auto& free = draft_.state.nodes.at(node.id).free_ports;
    const auto next = next_port_.try_emplace(node.id, free.begin()).first;
    return *next->second++;
  }

  Draft& draft_;
  ClusterSnapshot cluster_;
  std::uint64_t seed_;
  std::size_t passed_over_ = 0;
  std::map<NodeId, std::set<std::uint16_t>::const_iterator> next_port_;
};

}  // namespace

Decision schedule(const State& state, const Settings& settings, std::span<const Mutation> applied,
                  Timestamp now) {
  Draft draft{.state = state, .settings = settings, .now = now};
  const bool worth_it = std::any_of(applied.begin(), applied.end(), [&](const Mutation& mutation) {
    return std::visit(MakesRoom{state}, mutation);
  });
  if (worth_it && (!state.index.queue.empty() || state.blocked)) Pass(draft).run();
  return std::move(draft.decision);
}

}  // namespace dl::coordinator
