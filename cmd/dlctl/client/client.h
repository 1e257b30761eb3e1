// Client makes the calls of proto/dl/v1 and turns what can go wrong into Errors that say what to
// do next: an unreachable coordinator names its address, a refused token says where it was from.
//
// One thread. A call takes at most the timeout it was connected with; streams have none.

#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "cmd/dlctl/config/endpoint.h"
#include "dl/v1/cluster.pb.h"
#include "dl/v1/jobs.pb.h"
#include "dl/v1/search.pb.h"

namespace dl::dlctl {

// Messages as the server sends them, waited for in slices so that the waiter can do other things.
template <class Message>
class Stream {
 public:
  virtual ~Stream() = default;

  enum class Next { kMessage, kTimeout, kEnd };
  // Waits at most `patience` for the next message and puts it into `message`. After kEnd, or an
  // error, there are no more.
  virtual Result<Next> next(Message& message, std::chrono::milliseconds patience) = 0;
};

class Client {
 public:
  // Connects when the first call is made.
  Client(Endpoint endpoint, std::chrono::milliseconds timeout);
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  const Endpoint& endpoint() const;

  // Tried again a few times while the coordinator does not answer: the request's idempotency key,
  // which must be set, makes all tries one job.
  Result<v1::SubmitJobResponse> submit_job(const v1::SubmitJobRequest& request);
  Result<v1::ValidateSpecResponse> validate_spec(const v1::ValidateSpecRequest& request);
  Result<v1::Job> get_job(const std::string& job);
  Result<v1::CancelJobResponse> cancel_job(const std::string& job, bool kill);
  Result<v1::Explanation> explain_job(const std::string& job);
  Result<v1::ListMetricsResponse> list_metrics(const v1::ListMetricsRequest& request);
  Result<v1::PauseSearchResponse> pause_search(const std::string& job, const std::string& user);
  Result<v1::ResumeSearchResponse> resume_search(const std::string& job);
  Result<v1::ExtendSearchResponse> extend_search(const v1::ExtendSearchRequest& request);
  Result<v1::ListTrialsResponse> list_trials(const std::string& job);
  // `trial` is a number, or "best".
  Result<v1::SearchTrial> get_trial(const std::string& job, const std::string& trial);
  Result<v1::Cluster> get_cluster();
  Result<v1::ListNodesResponse> list_nodes();
  Result<v1::DrainNodeResponse> drain_node(const v1::DrainNodeRequest& request);
  Result<v1::Version> get_version();

  // The newest `count` jobs, newest first, over as many pages as it takes; 0: all there are.
  // `state` empty: in any state.
  Result<v1::ListJobsResponse> list_jobs(const std::string& state, std::size_t count);

  std::unique_ptr<Stream<v1::JobEvent>> watch_job(const v1::WatchJobRequest& request);
  std::unique_ptr<Stream<v1::LogChunk>> read_logs(const v1::ReadLogsRequest& request);

 private:
  struct Connection;
  std::unique_ptr<Connection> connection_;
};

}  // namespace dl::dlctl
