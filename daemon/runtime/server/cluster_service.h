// ClusterService of proto/dl/v1/cluster.proto, and AgentService, which the agents dial.

#pragma once

#include "daemon/runtime/server/services.h"
#include "dl/v1/agent.grpc.pb.h"
#include "dl/v1/cluster.grpc.pb.h"

namespace dl::runtime::server {

class ClusterService final : public v1::ClusterService::CallbackService {
 public:
  explicit ClusterService(Services services) : services_(std::move(services)) {}

  grpc::ServerUnaryReactor* GetCluster(grpc::CallbackServerContext* context,
                                       const v1::GetClusterRequest* request,
                                       v1::Cluster* response) override;
  grpc::ServerUnaryReactor* ListNodes(grpc::CallbackServerContext* context,
                                      const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) override;
  grpc::ServerUnaryReactor* DrainNode(grpc::CallbackServerContext* context,
                                      const v1::DrainNodeRequest* request,
                                      v1::DrainNodeResponse* response) override;
  // Answers clients of any version.
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                       const v1::GetVersionRequest* request,
                                       v1::Version* response) override;

 private:
  const Services services_;
};

// The answer to GetCluster, to be made in the control thread.
v1::Cluster cluster_of(const Services& services, const coordinator::Loop& loop);

class AgentService final : public v1::AgentService::CallbackService {
 public:
  explicit AgentService(Services services) : services_(std::move(services)) {}

  grpc::ServerBidiReactor<v1::FromAgent, v1::ToAgent>* Connect(
      grpc::CallbackServerContext* context) override;

 private:
  const Services services_;
};

}  // namespace dl::runtime::server
