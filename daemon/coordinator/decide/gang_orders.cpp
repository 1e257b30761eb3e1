#include "daemon/coordinator/decide/gang_orders.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
#include "daemon/coordinator/derived.h"
#include "daemon/coordinator/lookup.h"
#include "model/spec/parse.h"

namespace dl::coordinator {
namespace {

const Job& job_of(const State& state, JobId id) {
  const Job* job = find_job(state, id);
  DL_ASSERT(job != nullptr, "orders are for live jobs");
  return *job;
}

bool is_collective(Role role) { return role == Role::kChief || role == Role::kWorker; }

ClusterSpec cluster_of(const State& state, const AttemptId& attempt, const JobSpec& spec,
                       const std::vector<Task>& tasks) {
  ClusterSpec cluster;
  std::map<NodeId, std::uint32_t> ranks_on;
  for (const auto& task : tasks) {
    const Node* node = find_node(state, task.slots.node);
    DL_ASSERT(node != nullptr && !task.ports.empty(), "a placed task has a node and a port");
    cluster.members.push_back({.role = task.role,
                               .index = task.index,
                               .rank = task.rank,
                               .node = node->id,
                               .host = node->host,
                               .port = task.ports.front(),
                               .local_rank = is_collective(task.role) ? ranks_on[node->id]++ : 0});
  }
  const auto& first = tasks.front().ports;
  cluster.master_port = first.back();
  cluster.restarts = attempt.attempt - 1;
  cluster.max_restarts = spec.restarts.of(FailureKind::kUserCode);
  cluster.run_id = to_string(attempt.trial_id());
  return cluster;
}

const RoleSpec& role_of(const JobSpec& spec, Role role) {
  const auto found = std::find_if(spec.roles.begin(), spec.roles.end(),
                                  [&](const RoleSpec& r) { return r.role == role; });
  DL_ASSERT(found != spec.roles.end(), "a gang has the roles of its spec");
  return *found;
}

// Servers keep their state in files, and NCCL is not started twice in one process.
bool is_warm(const JobSpec& spec, Role role) {
  if (!spec.search || !spec.search->warm || !spec.is_builtin() || role == Role::kPs) return false;
  const bool gpus = std::any_of(spec.roles.begin(), spec.roles.end(),
                                [](const RoleSpec& one) { return one.resources.gpus > 0; });
  return !gpus || spec.task_count() == 1;
}

}  // namespace

std::string artifact_dir(const Settings& settings, const TrialId& trial) {
  return settings.artifact_root + "/" + to_string(trial.job) + "/" + std::to_string(trial.trial);
}

GangOrders::GangOrders(const State& state, const Settings& settings, const AttemptId& attempt,
                       const std::string& secret, const std::vector<Task>& tasks)
    : state_(state),
      settings_(settings),
      attempt_(attempt),
      secret_(secret),
      job_(job_of(state, attempt.job)),
      trial_(job_.trials.at(attempt.trial)),
      spec_(spec_of(job_, trial_)),
      cluster_(cluster_of(state, attempt, spec_, tasks)),
      spec_json_(spec::to_json(spec_)) {}

TaskContext GangOrders::context_of(const Task& task) const {
  return {.task = id_of(attempt_, task),
          .job_name = job_.name,
          .cluster = cluster_,
          .secret = secret_,
          .spec = spec_json_,
          .artifact_dir = artifact_dir(settings_, attempt_.trial_id()),
          .control_socket = {},
          .resume_checkpoint = trial_.checkpoint ? trial_.checkpoint->path : std::string{},
          .inherited_checkpoint = inherited_checkpoint()};
}

// The whole path of a trial's newest checkpoint. The worker has a folder for them; a command names
// its own below its artifacts, or anywhere.
std::string GangOrders::checkpoint_of(const Trial& trial) const {
  if (trial.checkpoint->path.starts_with('/')) return trial.checkpoint->path;
  const TrialId id{attempt_.job, trial.number};
  std::string folder = artifact_dir(settings_, id);
  if (spec_.is_builtin()) {
    const std::string& chosen = spec_of(job_, trial).checkpoint.directory;
    folder = chosen.empty() ? folder + "/checkpoints" : chosen + "/" + to_string(id);
  }
  return folder + "/" + trial.checkpoint->path;
}

// The newest checkpoint of the trial that this one begins with, or of the one that it began with.
std::string GangOrders::inherited_checkpoint() const {
  for (std::uint32_t from = trial_.from; from != 0;) {
    const Trial& parent = job_.trials.at(from);
    if (parent.checkpoint) return checkpoint_of(parent);
    from = parent.from;
  }
  return {};
}

std::vector<std::string> GangOrders::uuids_of(const SlotSet& slots) const {
  std::vector<std::string> uuids;
  for (const auto& gpu : find_node(state_, slots.node)->resources.gpus) {
    if (std::binary_search(slots.gpu_indexes.begin(), slots.gpu_indexes.end(), gpu.index)) {
      uuids.push_back(gpu.uuid);
    }
  }
  return uuids;
}

StartTask GangOrders::start(const Task& task) const {
  const RoleSpec& role = role_of(spec_, task.role);
  StartTask order{.node = task.slots.node,
                  .context = context_of(task),
                  .slots = task.slots,
                  .gpu_uuids = uuids_of(task.slots),
                  .ports = task.ports,
                  .builtin = spec_.is_builtin(),
                  .warm = is_warm(*job_.document.parsed, task.role),
                  .command = role.command.empty() ? spec_.command : role.command,
                  .workdir = spec_.workdir,
                  .env = task_environment(cluster_, id_of(attempt_, task)),
                  .grace = spec_.grace};
  order.env["DL_ARTIFACT_DIR"] = order.context.artifact_dir;
  const std::string checkpoint =
      trial_.checkpoint ? checkpoint_of(trial_) : order.context.inherited_checkpoint;
  if (!checkpoint.empty()) order.env["DL_RESUME_CHECKPOINT"] = checkpoint;
  for (const auto& [name, value] : spec_.env) order.env[name] = value;
  return order;
}

}  // namespace dl::coordinator
