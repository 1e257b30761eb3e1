// SearchService of proto/dl/v1/search.proto, which says what each method does.

#pragma once

#include "daemon/runtime/server/services.h"
#include "dl/v1/search.grpc.pb.h"

namespace dl::runtime::server {

class SearchService final : public v1::SearchService::CallbackService {
 public:
  explicit SearchService(Services services) : services_(std::move(services)) {}

  grpc::ServerUnaryReactor* ListTrials(grpc::CallbackServerContext* context,
                                       const v1::ListTrialsRequest* request,
                                       v1::ListTrialsResponse* response) override;
  grpc::ServerUnaryReactor* GetTrial(grpc::CallbackServerContext* context,
                                     const v1::GetTrialRequest* request,
                                     v1::SearchTrial* response) override;
  grpc::ServerUnaryReactor* PauseSearch(grpc::CallbackServerContext* context,
                                        const v1::PauseSearchRequest* request,
                                        v1::PauseSearchResponse* response) override;
  grpc::ServerUnaryReactor* ResumeSearch(grpc::CallbackServerContext* context,
                                         const v1::ResumeSearchRequest* request,
                                         v1::ResumeSearchResponse* response) override;
  grpc::ServerUnaryReactor* ExtendSearch(grpc::CallbackServerContext* context,
                                         const v1::ExtendSearchRequest* request,
                                         v1::ExtendSearchResponse* response) override;

 private:
  // The job's search, or why there is none.
  void find(const std::string& job, const Wanted& wanted, JobLookup::Found then);
  // Posts `change` for the job that `reference` names; `then` runs when it is durable.
  grpc::ServerUnaryReactor* set_paused(grpc::CallbackServerContext& context, const std::string& job,
                                       coordinator::PauseSearch event);
  template <class Change>
  void change(const std::string& reference, Change change, ControlThread::Replied then);

  const Services services_;
};

}  // namespace dl::runtime::server
