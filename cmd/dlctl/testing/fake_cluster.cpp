#include "cmd/dlctl/testing/fake_cluster.h"

#include <grpcpp/server_builder.h>

namespace dl::dlctl {
namespace {

grpc::Status no_job(const std::string& job) {
  return {grpc::StatusCode::NOT_FOUND, "there is no job " + job + "; `dlctl jobs` lists them"};
}

}  // namespace

class FakeCluster::Jobs final : public v1::JobService::Service {
 public:
  explicit Jobs(FakeCluster& fake) : fake_(fake) {}

  grpc::Status SubmitJob(grpc::ServerContext* context, const v1::SubmitJobRequest* request,
                         v1::SubmitJobResponse* response) override {
    const std::lock_guard lock(fake_.mutex_);
    if (auto status = fake_.admit(*context); !status.ok()) return status;
    fake_.submits.push_back(*request);
    const auto id =
        fake_.jobs_by_key.emplace(request->idempotency_key(), 42 + fake_.jobs_by_key.size())
            .first->second;
    if (fake_.submits_lost > 0) {
      --fake_.submits_lost;
      return {grpc::StatusCode::UNAVAILABLE, "Socket closed"};
    }
    response->set_job(id);
    response->set_name("fashion-mnist");
    return grpc::Status::OK;
  }

  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                      v1::Job* response) override {
    const std::lock_guard lock(fake_.mutex_);
    if (auto status = fake_.admit(*context); !status.ok()) return status;
    v1::Job* job = fake_.find(request->job());
    if (job == nullptr) return no_job(request->job());
    if (fake_.on_get_job) fake_.on_get_job(*job);
    *response = *job;
    return grpc::Status::OK;
  }

  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override {
    const std::lock_guard lock(fake_.mutex_);
    if (auto status = fake_.admit(*context); !status.ok()) return status;
    // Two a page, so that paging is seen.
    std::size_t at = request->page_token().empty() ? 0 : std::stoul(request->page_token());
    for (; at < fake_.jobs.size() && response->jobs_size() < 2; ++at) {
      *response->add_jobs() = fake_.jobs[at];
    }
    if (at < fake_.jobs.size()) response->set_next_page_token(std::to_string(at));
    return grpc::Status::OK;
  }

  grpc::Status CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request,
                         v1::CancelJobResponse*) override {
    const std::lock_guard lock(fake_.mutex_);
    v1::Job* job = fake_.find(request->job());
    if (job == nullptr) return no_job(request->job());
    fake_.cancels.push_back(*request);
    job->set_state(v1::JOB_STATE_STOPPING);
    return grpc::Status::OK;
  }

  grpc::Status ExplainJob(grpc::ServerContext*, const v1::ExplainJobRequest*,
                          v1::Explanation* response) override {
    *response = fake_.explanation;
    return grpc::Status::OK;
  }

  grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::JobEvent>* writer) override {
    for (const auto& event : fake_.events) {
      if (event.id() <= request->after()) continue;
      if (fake_.on_event) fake_.on_event(event);
      if (context->IsCancelled()) return grpc::Status::CANCELLED;
      writer->Write(event);
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadLogs(grpc::ServerContext*, const v1::ReadLogsRequest* request,
                        grpc::ServerWriter<v1::LogChunk>* writer) override {
    for (const auto& chunk : fake_.logs) {
      if (request->task().empty() || chunk.task() == request->task()) writer->Write(chunk);
    }
    return grpc::Status::OK;
  }

  grpc::Status ListMetrics(grpc::ServerContext*, const v1::ListMetricsRequest* request,
                           v1::ListMetricsResponse* response) override {
    const v1::Job* job = fake_.find(request->job());
    const auto own = fake_.job_metrics.find(job == nullptr ? 0 : job->id());
    *response = own == fake_.job_metrics.end() ? fake_.metrics : own->second;
    return grpc::Status::OK;
  }

 private:
  FakeCluster& fake_;
};

class FakeCluster::Nodes final : public v1::ClusterService::Service {
 public:
  explicit Nodes(FakeCluster& fake) : fake_(fake) {}

  grpc::Status GetCluster(grpc::ServerContext* context, const v1::GetClusterRequest*,
                          v1::Cluster* response) override {
    if (auto status = fake_.admit(*context); !status.ok()) return status;
    *response = fake_.cluster;
    return grpc::Status::OK;
  }

  grpc::Status ListNodes(grpc::ServerContext*, const v1::ListNodesRequest*,
                         v1::ListNodesResponse* response) override {
    for (const auto& node : fake_.nodes) *response->add_nodes() = node;
    return grpc::Status::OK;
  }

  grpc::Status DrainNode(grpc::ServerContext*, const v1::DrainNodeRequest* request,
                         v1::DrainNodeResponse*) override {
    fake_.drains.push_back(*request);
    for (auto& node : fake_.nodes) {
      if (node.id() == request->node()) node.set_state(request->undo() ? "ready" : "draining");
    }
    return grpc::Status::OK;
  }

  grpc::Status GetVersion(grpc::ServerContext*, const v1::GetVersionRequest*,
                          v1::Version* response) override {
    response->set_version("1.2.3");
    response->set_api(1);
    return grpc::Status::OK;
  }

 private:
  FakeCluster& fake_;
};

class FakeCluster::Searches final : public v1::SearchService::Service {
 public:
  explicit Searches(FakeCluster& fake) : fake_(fake) {}

  grpc::Status ListTrials(grpc::ServerContext*, const v1::ListTrialsRequest* request,
                          v1::ListTrialsResponse* response) override {
    const std::lock_guard lock(fake_.mutex_);
    const v1::Job* job = fake_.find(request->job());
    if (job == nullptr) return no_job(request->job());
    const auto search = fake_.searches.find(job->id());
    if (search == fake_.searches.end()) {
      return {grpc::StatusCode::FAILED_PRECONDITION,
              "job " + std::to_string(job->id()) + " has no search"};
    }
    *response = search->second;
    return grpc::Status::OK;
  }

  grpc::Status GetTrial(grpc::ServerContext* context, const v1::GetTrialRequest* request,
                        v1::SearchTrial* response) override {
    v1::ListTrialsRequest list;
    list.set_job(request->job());
    v1::ListTrialsResponse listed;
    if (auto status = ListTrials(context, &list, &listed); !status.ok()) return status;
    *response = listed.trials(std::stoi(request->trial()) - 1);
    response->set_spec(fake_.trial_spec);
    response->set_artifact_dir("/data/jobs/" + std::to_string(listed.job()) + "/" +
                               request->trial());
    return grpc::Status::OK;
  }

  grpc::Status PauseSearch(grpc::ServerContext*, const v1::PauseSearchRequest* request,
                           v1::PauseSearchResponse*) override {
    return change("pause " + request->job() + " by " + request->user());
  }

  grpc::Status ResumeSearch(grpc::ServerContext*, const v1::ResumeSearchRequest* request,
                            v1::ResumeSearchResponse*) override {
    return change("resume " + request->job());
  }

  grpc::Status ExtendSearch(grpc::ServerContext*, const v1::ExtendSearchRequest* request,
                            v1::ExtendSearchResponse*) override {
    return change("extend " + request->job() + " by " + std::to_string(request->trials()) + ", " +
                  std::to_string(request->max_parallel()) + " at once");
  }

 private:
  grpc::Status change(std::string what) {
    const std::lock_guard lock(fake_.mutex_);
    fake_.search_changes.push_back(std::move(what));
    return grpc::Status::OK;
  }

  FakeCluster& fake_;
};

FakeCluster::FakeCluster()
    : job_service_(std::make_unique<Jobs>(*this)),
      cluster_service_(std::make_unique<Nodes>(*this)),
      search_service_(std::make_unique<Searches>(*this)) {
  start();
}

FakeCluster::~FakeCluster() { stop(); }

void FakeCluster::stop() {
  if (server_) server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

void FakeCluster::start() {
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_.empty() ? "127.0.0.1:0" : address_,
                           grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(job_service_.get());
  builder.RegisterService(cluster_service_.get());
  builder.RegisterService(search_service_.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

grpc::Status FakeCluster::admit(const grpc::ServerContext& context) const {
  if (token.empty()) return grpc::Status::OK;
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found != metadata.end() && found->second == "Bearer " + token) return grpc::Status::OK;
  return {grpc::StatusCode::UNAUTHENTICATED, "the token is missing or wrong"};
}

v1::Job* FakeCluster::find(const std::string& name) {
  for (auto& job : jobs) {
    if (name == "latest" || std::to_string(job.id()) == name) return &job;
  }
  return nullptr;
}

v1::Job running_job(std::int64_t now_seconds) {
  v1::Job job;
  job.set_id(42);
  job.set_name("fashion-mnist");
  job.set_user("anna");
  job.set_state(v1::JOB_STATE_RUNNING);
  job.mutable_submit_time()->set_seconds(now_seconds - 65);
  job.mutable_start_time()->set_seconds(now_seconds - 60);
  job.set_spec("model:\n  name: lenet\n");
  job.set_artifact_dir("/data/jobs/42");
  job.set_cpus(2);
  auto* trial = job.add_trials();
  trial->set_number(1);
  trial->set_state("running");
  trial->set_attempts(2);
  auto* progress = trial->mutable_progress();
  progress->set_epoch(3);
  progress->set_epochs(5);
  progress->set_step(1460);
  progress->set_steps(2345);
  progress->set_loss(0.3121);
  progress->set_samples_per_second(2993.5);
  progress->set_eta_seconds(38);
  (*trial->mutable_metrics())["validation.accuracy"] = 0.8931;
  trial->mutable_checkpoint()->set_path("step-1407");
  trial->mutable_checkpoint()->set_step(1407);
  trial->mutable_checkpoint()->set_epoch(3);
  trial->mutable_last_failure()->set_kind(v1::FAILURE_KIND_INFRASTRUCTURE);
  trial->mutable_last_failure()->set_task("worker:1");
  trial->mutable_last_failure()->set_message("killed by SIGKILL from outside");
  trial->mutable_attempt()->set_number(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    auto* task = trial->mutable_attempt()->add_tasks();
    task->set_id("42.1.2/worker:" + std::to_string(i));
    task->set_role("worker");
    task->set_index(i);
    task->set_rank(i);
    task->set_state("running");
    task->set_node("local-" + std::to_string(i));
    task->set_address("127.0.0.1:2000" + std::to_string(i));
    task->set_cpus(1);
    task->set_pid(4711 + i);
  }
  return job;
}

v1::JobEvent event(std::uint64_t id, const std::string& type, const std::string& message) {
  v1::JobEvent event;
  event.set_id(id);
  event.set_job(42);
  event.mutable_time()->set_seconds(1'700'000'000);
  event.set_type(type);
  event.set_message(message);
  return event;
}

}  // namespace dl::dlctl
