// FakeCluster answers dlctl's calls on a real gRPC server of this process, with what a test has
// put into it, and keeps what it was asked.

#pragma once

#include <grpcpp/server.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dl/v1/cluster.grpc.pb.h"
#include "dl/v1/jobs.grpc.pb.h"
#include "dl/v1/search.grpc.pb.h"

namespace dl::dlctl {

class FakeCluster {
 public:
  FakeCluster();
  ~FakeCluster();

  const std::string& address() const { return address_; }
  // As a kill -9 and a new start: connections break; the port and the content stay.
  void stop();
  void start();

  // What it has. Set before the calls that ask for it.
  v1::Cluster cluster;
  std::vector<v1::Node> nodes;
  std::vector<v1::Job> jobs;  // Newest first.
  std::vector<v1::JobEvent> events;
  std::vector<v1::LogChunk> logs;
  v1::ListMetricsResponse metrics;  // Of jobs that are not in the next.
  std::map<std::uint64_t, v1::ListMetricsResponse> job_metrics;
  // By job; a job without one is no search.
  std::map<std::uint64_t, v1::ListTrialsResponse> searches;
  std::string trial_spec;  // Of every trial.
  v1::Explanation explanation;
  std::string token;  // Asked for, when not empty.
  // Answers so many submits with UNAVAILABLE after they were made.
  std::atomic<int> submits_lost{0};
  // Called for each event before it is sent.
  std::function<void(const v1::JobEvent&)> on_event;
  // Called when a client asks for a job.
  std::function<void(v1::Job&)> on_get_job;

  // What it was asked.
  std::vector<v1::SubmitJobRequest> submits;
  std::map<std::string, std::uint64_t> jobs_by_key;  // Idempotency keys.
  std::vector<v1::CancelJobRequest> cancels;
  std::vector<v1::DrainNodeRequest> drains;
  std::vector<std::string> search_changes;  // "pause 42"

 private:
  class Jobs;
  class Nodes;
  class Searches;

  grpc::Status admit(const grpc::ServerContext& context) const;
  v1::Job* find(const std::string& job);

  std::mutex mutex_;
  std::unique_ptr<Jobs> job_service_;
  std::unique_ptr<Nodes> cluster_service_;
  std::unique_ptr<Searches> search_service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// Job 42, "fashion-mnist": running on two workers since a minute before `now_seconds`.
v1::Job running_job(std::int64_t now_seconds);
v1::JobEvent event(std::uint64_t id, const std::string& type, const std::string& message);

}  // namespace dl::dlctl
