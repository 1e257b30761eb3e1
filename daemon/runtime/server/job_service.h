// JobService of proto/dl/v1/jobs.proto, which says what each method does.
//
// Documents are parsed in gRPC's threads; a submit is answered after its commit.

#pragma once

#include "daemon/runtime/server/services.h"
#include "dl/v1/jobs.grpc.pb.h"

namespace dl::runtime::server {

class JobService final : public v1::JobService::CallbackService {
 public:
  explicit JobService(Services services) : services_(std::move(services)) {}

  grpc::ServerUnaryReactor* SubmitJob(grpc::CallbackServerContext* context,
                                      const v1::SubmitJobRequest* request,
                                      v1::SubmitJobResponse* response) override;
  grpc::ServerUnaryReactor* ValidateSpec(grpc::CallbackServerContext* context,
                                         const v1::ValidateSpecRequest* request,
                                         v1::ValidateSpecResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::CancelJobResponse* response) override;
  grpc::ServerUnaryReactor* ExplainJob(grpc::CallbackServerContext* context,
                                       const v1::ExplainJobRequest* request,
                                       v1::Explanation* response) override;
  grpc::ServerWriteReactor<v1::JobEvent>* WatchJob(grpc::CallbackServerContext* context,
                                                   const v1::WatchJobRequest* request) override;
  grpc::ServerWriteReactor<v1::LogChunk>* ReadLogs(grpc::CallbackServerContext* context,
                                                   const v1::ReadLogsRequest* request) override;
  grpc::ServerUnaryReactor* ListMetrics(grpc::CallbackServerContext* context,
                                        const v1::ListMetricsRequest* request,
                                        v1::ListMetricsResponse* response) override;

 private:
  void cancel(grpc::ServerUnaryReactor* reactor, JobId job, bool kill);

  const Services services_;
};

}  // namespace dl::runtime::server
