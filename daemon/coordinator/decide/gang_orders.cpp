#include "daemon/coordinator/decide/gang_orders.h"

#include <algorithm>
#include <map>

#include "base/assert.h"
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
      cluster_(cluster_of(state, attempt, *job_.document.parsed, tasks)),
      spec_json_(spec::to_json(*job_.document.parsed)) {}

TaskContext GangOrders::context_of(const Task& task) const {
  const Trial* trial = find_trial(state_, attempt_.trial_id());
  return {.task = id_of(attempt_, task),
          .job_name = job_.name,
          .cluster = cluster_,
          .secret = secret_,
          .spec = spec_json_,
          .artifact_dir = artifact_dir(settings_, attempt_.trial_id()),
          .control_socket = {},
          .resume_checkpoint = trial->checkpoint ? trial->checkpoint->path : std::string{}};
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
  const JobSpec& spec = *job_.document.parsed;
  const RoleSpec& role = role_of(spec, task.role);
  StartTask order{.node = task.slots.node,
                  .context = context_of(task),
                  .slots = task.slots,
                  .gpu_uuids = uuids_of(task.slots),
                  .ports = task.ports,
                  .builtin = spec.is_builtin(),
                  .command = role.command.empty() ? spec.command : role.command,
                  .workdir = spec.workdir,
                  .env = task_environment(cluster_, id_of(attempt_, task)),
                  .grace = spec.grace};
  for (const auto& [name, value] : spec.env) order.env[name] = value;
  return order;
}

}  // namespace dl::coordinator
