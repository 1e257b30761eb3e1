#include "cmd/dlctl/client/client.h"

#include <grpcpp/grpcpp.h>

#include <thread>

#include "base/assert.h"
#include "daemon/runtime/wire/agent_messages.h"
#include "dl/v1/cluster.grpc.pb.h"
#include "dl/v1/jobs.grpc.pb.h"
#include "dl/v1/search.grpc.pb.h"

namespace dl::dlctl {
namespace {

using Milliseconds = std::chrono::milliseconds;

std::shared_ptr<grpc::Channel> make_channel(const Endpoint& endpoint) {
  grpc::ChannelArguments arguments;
  // A restarted coordinator is found again at once, not after gRPC's usual back-off.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // How long one try to connect may take: a busy machine needs more than a moment.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, 64 << 20);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A machine that went away without a word is noticed while a stream is silent.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  if (endpoint.tls_ca.empty()) {
    return grpc::CreateCustomChannel(endpoint.address, grpc::InsecureChannelCredentials(),
                                     arguments);
  }
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = endpoint.tls_ca;
  return grpc::CreateCustomChannel(endpoint.address, grpc::SslCredentials(tls), arguments);
}

// gRPC wraps the cause: "failed to connect to all addresses; last error: UNKNOWN: ipv4:…:
// Failed to connect to remote host: Connection refused".
std::string cause_of(const std::string& message) {
  if (!message.starts_with("failed to connect")) return message;
  const auto colon = message.rfind(": ");
  return colon == std::string::npos ? message : message.substr(colon + 2);
}

Error error_of(const grpc::Status& status, const Endpoint& endpoint) {
  const std::string& message = status.error_message();
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
      return unavailable("the coordinator at " + endpoint.address + " cannot be reached (" +
                         cause_of(message) +
                         "); start a local one with `dlctl dev up`, or choose another " +
                         "with `dlctl context use NAME` or --server HOST:PORT");
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return {Code::kDeadlineExceeded,
              "the coordinator at " + endpoint.address + " does not answer; look at its log, " +
                  "wait longer with --timeout, or choose another with `dlctl context use NAME` " +
                  "or --server HOST:PORT"};
    case grpc::StatusCode::UNAUTHENTICATED:
      return {Code::kUnauthenticated,
              message + (endpoint.token.empty()
                             ? "; no token was sent: set DL_TOKEN, or `dlctl context set NAME "
                               "--token-file FILE`"
                             : "; the token sent is that of " + endpoint.token_source)};
    default: return {static_cast<Code>(status.error_code()), message};
  }
}

void prepare(grpc::ClientContext& context, const Endpoint& endpoint) {
  context.AddMetadata("dl-api", std::to_string(runtime::wire::kApi));
  if (!endpoint.token.empty()) context.AddMetadata("authorization", "Bearer " + endpoint.token);
}

template <class Message>
class GrpcStream final : public Stream<Message> {
 public:
  using Next = typename Stream<Message>::Next;
  using Reader = std::unique_ptr<grpc::ClientAsyncReader<Message>>;

  // `start` makes the call: (context, queue) to its reader.
  template <class Start>
  GrpcStream(const Endpoint& endpoint, Start start) : endpoint_(endpoint) {
    prepare(context_, endpoint_);
    reader_ = start(&context_, &queue_);
    reader_->StartCall(tag(Step::kStart));
  }

  ~GrpcStream() override {
    context_.TryCancel();
    queue_.Shutdown();
    void* ignored_tag = nullptr;
    bool ignored_ok = false;
    while (queue_.Next(&ignored_tag, &ignored_ok)) {
    }
  }

  Result<Next> next(Message& message, Milliseconds patience) override {
    const auto deadline = std::chrono::system_clock::now() + patience;
    while (!finished_) {
      void* got = nullptr;
      bool ok = false;
      if (queue_.AsyncNext(&got, &ok, deadline) != grpc::CompletionQueue::GOT_EVENT) {
        return Next::kTimeout;
      }
      if (got == tag(Step::kFinish)) {
        finished_ = true;
      } else if (!ok) {
        reader_->Finish(&status_, tag(Step::kFinish));
      } else if (got == tag(Step::kStart)) {
        reader_->Read(&incoming_, tag(Step::kRead));
      } else {
        message = std::move(incoming_);
        reader_->Read(&incoming_, tag(Step::kRead));
        return Next::kMessage;
      }
    }
    if (!status_.ok()) return error_of(status_, endpoint_);
    return Next::kEnd;
  }

 private:
  enum class Step : std::uintptr_t { kStart = 1, kRead, kFinish };
  static void* tag(Step step) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(step)); }

  Endpoint endpoint_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  Reader reader_;
  Message incoming_;
  grpc::Status status_;
  bool finished_ = false;
};

}  // namespace

struct Client::Connection {
  Endpoint endpoint;
  Milliseconds timeout;
  std::shared_ptr<grpc::Channel> channel = make_channel(endpoint);
  std::unique_ptr<v1::JobService::Stub> jobs = v1::JobService::NewStub(channel);
  std::unique_ptr<v1::SearchService::Stub> search = v1::SearchService::NewStub(channel);
  std::unique_ptr<v1::ClusterService::Stub> cluster = v1::ClusterService::NewStub(channel);

  template <class Stub, class Request, class Response>
  Result<Response> call(Stub& stub,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const Request& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    prepare(context, endpoint);
    Response response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return error_of(status, endpoint);
    return response;
  }
};

Client::Client(Endpoint endpoint, Milliseconds timeout)
    : connection_(new Connection{.endpoint = std::move(endpoint), .timeout = timeout}) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

const Endpoint& Client::endpoint() const { return connection_->endpoint; }

Result<v1::SubmitJobResponse> Client::submit_job(const v1::SubmitJobRequest& request) {
  DL_ASSERT(!request.idempotency_key().empty(), "without it a second try could be a second job");
  for (const int wait_ms : {250, 500, 1000, 0}) {
    auto response =
        connection_->call(*connection_->jobs, &v1::JobService::Stub::SubmitJob, request);
    if (response || response.error().code != Code::kUnavailable || wait_ms == 0) return response;
    std::this_thread::sleep_for(Milliseconds(wait_ms));
  }
  return internal("unreachable: the last try returns");
}

Result<v1::ValidateSpecResponse> Client::validate_spec(const v1::ValidateSpecRequest& request) {
  return connection_->call(*connection_->jobs, &v1::JobService::Stub::ValidateSpec, request);
}

Result<v1::Job> Client::get_job(const std::string& job) {
  v1::GetJobRequest request;
  request.set_job(job);
  return connection_->call(*connection_->jobs, &v1::JobService::Stub::GetJob, request);
}

Result<v1::CancelJobResponse> Client::cancel_job(const std::string& job, bool kill) {
  v1::CancelJobRequest request;
  request.set_job(job);
  request.set_kill(kill);
  return connection_->call(*connection_->jobs, &v1::JobService::Stub::CancelJob, request);
}

Result<v1::Explanation> Client::explain_job(const std::string& job) {
  v1::ExplainJobRequest request;
  request.set_job(job);
  return connection_->call(*connection_->jobs, &v1::JobService::Stub::ExplainJob, request);
}

Result<v1::ListMetricsResponse> Client::list_metrics(const v1::ListMetricsRequest& request) {
  return connection_->call(*connection_->jobs, &v1::JobService::Stub::ListMetrics, request);
}

Result<v1::PauseSearchResponse> Client::pause_search(const std::string& job,
                                                     const std::string& user) {
  v1::PauseSearchRequest request;
  request.set_job(job);
  request.set_user(user);
  return connection_->call(*connection_->search, &v1::SearchService::Stub::PauseSearch, request);
}

Result<v1::ResumeSearchResponse> Client::resume_search(const std::string& job) {
  v1::ResumeSearchRequest request;
  request.set_job(job);
  return connection_->call(*connection_->search, &v1::SearchService::Stub::ResumeSearch, request);
}

Result<v1::ExtendSearchResponse> Client::extend_search(const v1::ExtendSearchRequest& request) {
  return connection_->call(*connection_->search, &v1::SearchService::Stub::ExtendSearch, request);
}

Result<v1::ListTrialsResponse> Client::list_trials(const std::string& job) {
  v1::ListTrialsRequest request;
  request.set_job(job);
  return connection_->call(*connection_->search, &v1::SearchService::Stub::ListTrials, request);
}

Result<v1::SearchTrial> Client::get_trial(const std::string& job, const std::string& trial) {
  v1::GetTrialRequest request;
  request.set_job(job);
  request.set_trial(trial);
  return connection_->call(*connection_->search, &v1::SearchService::Stub::GetTrial, request);
}

Result<v1::Cluster> Client::get_cluster() {
  return connection_->call(*connection_->cluster, &v1::ClusterService::Stub::GetCluster,
                           v1::GetClusterRequest());
}

Result<v1::ListNodesResponse> Client::list_nodes() {
  return connection_->call(*connection_->cluster, &v1::ClusterService::Stub::ListNodes,
                           v1::ListNodesRequest());
}

Result<v1::DrainNodeResponse> Client::drain_node(const v1::DrainNodeRequest& request) {
  return connection_->call(*connection_->cluster, &v1::ClusterService::Stub::DrainNode, request);
}

Result<v1::Version> Client::get_version() {
  return connection_->call(*connection_->cluster, &v1::ClusterService::Stub::GetVersion,
                           v1::GetVersionRequest());
}

Result<v1::ListJobsResponse> Client::list_jobs(const std::string& state, std::size_t count) {
  constexpr std::size_t kPageMax = 1000;
  v1::ListJobsRequest request;
  request.set_state(state);
  v1::ListJobsResponse all;
  while (true) {
    const std::size_t wanted = count == 0 ? kPageMax : count - all.jobs_size();
    request.set_page_size(static_cast<std::uint32_t>(std::min(wanted, kPageMax)));
    DL_TRY(v1::ListJobsResponse page,
           connection_->call(*connection_->jobs, &v1::JobService::Stub::ListJobs, request));
    for (auto& job : *page.mutable_jobs()) {
      if (count > 0 && static_cast<std::size_t>(all.jobs_size()) == count) return all;
      *all.add_jobs() = std::move(job);
    }
    const bool enough = count > 0 && static_cast<std::size_t>(all.jobs_size()) == count;
    if (enough || page.next_page_token().empty() || page.jobs_size() == 0) return all;
    request.set_page_token(page.next_page_token());
  }
}

std::unique_ptr<Stream<v1::JobEvent>> Client::watch_job(const v1::WatchJobRequest& request) {
  return std::make_unique<GrpcStream<v1::JobEvent>>(
      connection_->endpoint, [&](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
        return connection_->jobs->PrepareAsyncWatchJob(context, request, queue);
      });
}

std::unique_ptr<Stream<v1::LogChunk>> Client::read_logs(const v1::ReadLogsRequest& request) {
  return std::make_unique<GrpcStream<v1::LogChunk>>(
      connection_->endpoint, [&](grpc::ClientContext* context, grpc::CompletionQueue* queue) {
        return connection_->jobs->PrepareAsyncReadLogs(context, request, queue);
      });
}

}  // namespace dl::dlctl
