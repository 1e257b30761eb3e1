#include "daemon/runtime/server/cluster_service.h"

#include "daemon/runtime/server/job_messages.h"
#include "daemon/runtime/wire/status.h"

namespace dl::runtime::server {
namespace {

void count_node(const coordinator::Node& node, const coordinator::NodeUse* use,
                v1::Cluster& cluster) {
  switch (node.state) {
    case NodeState::kReady: cluster.set_nodes_ready(cluster.nodes_ready() + 1); break;
    case NodeState::kDraining: cluster.set_nodes_draining(cluster.nodes_draining() + 1); break;
    case NodeState::kDisconnected:
      cluster.set_nodes_disconnected(cluster.nodes_disconnected() + 1);
      break;
    case NodeState::kLost: cluster.set_nodes_lost(cluster.nodes_lost() + 1); break;
  }
  const auto gpus = static_cast<std::uint32_t>(node.resources.gpus.size());
  cluster.set_gpus_total(cluster.gpus_total() + gpus);
  cluster.set_cpus_total(cluster.cpus_total() + node.resources.cpus);
  if (use == nullptr) return;
  cluster.set_gpus_used(cluster.gpus_used() + static_cast<std::uint32_t>(use->gpus.size()));
  cluster.set_cpus_used(cluster.cpus_used() + use->cpus);
}

const coordinator::NodeUse* use_of(const coordinator::State& state, const NodeId& node) {
  const auto use = state.index.use.find(node);
  return use == state.index.use.end() ? nullptr : &use->second;
}

// A stream that is refused before it began.
class RefusedAgent final : public grpc::ServerBidiReactor<v1::FromAgent, v1::ToAgent> {
 public:
  explicit RefusedAgent(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

v1::Cluster cluster_of(const Services& services, const coordinator::Loop& loop) {
  v1::Cluster cluster;
  const coordinator::State& state = loop.state();
  for (const auto& [id, node] : state.nodes) count_node(node, use_of(state, id), cluster);
  std::uint32_t queued = 0;
  for (const auto& [id, job] : state.jobs) queued += job.state == JobState::kQueued ? 1 : 0;
  cluster.set_jobs_queued(queued);
  cluster.set_jobs_running(static_cast<std::uint32_t>(state.jobs.size()) - queued);
  const auto waiting = state.index.queue.size() + state.index.back_off.size();
  std::size_t active = 0;
  for (const auto& [id, trials] : state.index.active) active += trials.size();
  cluster.set_trials_queued(static_cast<std::uint32_t>(waiting));
  cluster.set_trials_running(static_cast<std::uint32_t>(active - waiting));
  if (loop.failure()) cluster.set_read_only_reason(loop.failure()->message);
  cluster.set_address(services.address);
  *cluster.mutable_start_time() = to_message(services.started);
  cluster.set_journal_bytes(services.history.file_bytes());
  cluster.set_version(services.version);
  return cluster;
}

grpc::ServerUnaryReactor* ClusterService::GetCluster(grpc::CallbackServerContext* context,
                                                     const v1::GetClusterRequest*,
                                                     v1::Cluster* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  services_.control.query([this, reactor, response](const coordinator::Loop& loop) {
    *response = cluster_of(services_, loop);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::ListNodes(grpc::CallbackServerContext* context,
                                                    const v1::ListNodesRequest*,
                                                    v1::ListNodesResponse* response) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  services_.control.query([reactor, response](const coordinator::Loop& loop) {
    const coordinator::State& state = loop.state();
    for (const auto& [id, node] : state.nodes) {
      *response->add_nodes() = to_message(node, use_of(state, id));
    }
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::DrainNode(grpc::CallbackServerContext* context,
                                                    const v1::DrainNodeRequest* request,
                                                    v1::DrainNodeResponse*) {
  auto* reactor = context->DefaultReactor();
  if (auto status = services_.guard.check(*context); !status.ok()) {
    reactor->Finish(status);
    return reactor;
  }
  services_.control.ask(
      coordinator::DrainNode{0, request->node(), !request->undo(), request->reason()},
      [reactor](const Result<JobId>& result) { reactor->Finish(wire::to_status(result)); });
  return reactor;
}

grpc::ServerUnaryReactor* ClusterService::GetVersion(grpc::CallbackServerContext* context,
                                                     const v1::GetVersionRequest*,
                                                     v1::Version* response) {
  auto* reactor = context->DefaultReactor();
  const grpc::Status status = services_.guard.check_token(*context);
  response->set_version(services_.version);
  response->set_api(wire::kApi);
  reactor->Finish(status);
  return reactor;
}

grpc::ServerBidiReactor<v1::FromAgent, v1::ToAgent>* AgentService::Connect(
    grpc::CallbackServerContext* context) {
  if (auto status = services_.guard.check(*context); !status.ok()) {
    return new RefusedAgent(status);
  }
  return services_.agents.connect(*context);
}

}  // namespace dl::runtime::server
