// A real gRPC server with services that answer as the tests want, behind a real HTTP server.

#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/runtime/http/http_server.h"
#include "dl/v1/jobs.grpc.pb.h"

namespace dl::runtime::http::testing {

inline const std::string kToken(32, 't');

// Knows job 42 and those that are submitted. Job "long" has events without end, each of 64 KiB; job
// "silent" has one and then none; both until the client goes.
class TestJobs final : public dl::v1::JobService::Service {
 public:
  grpc::Status SubmitJob(grpc::ServerContext* context, const dl::v1::SubmitJobRequest* request,
                         dl::v1::SubmitJobResponse* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const dl::v1::GetJobRequest* request,
                      dl::v1::Job* response) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const dl::v1::CancelJobRequest* request,
                         dl::v1::CancelJobResponse* response) override;
  grpc::Status WatchJob(grpc::ServerContext* context, const dl::v1::WatchJobRequest* request,
                        grpc::ServerWriter<dl::v1::JobEvent>* writer) override;
  grpc::Status ReadLogs(grpc::ServerContext* context, const dl::v1::ReadLogsRequest* request,
                        grpc::ServerWriter<dl::v1::LogChunk>* writer) override;

  std::atomic<std::uint64_t> events_written{0};
  std::atomic<int> watches_ended{0};

 private:
  std::mutex mutex_;
  std::map<std::string, std::pair<std::uint64_t, std::string>> keys_;
  std::uint64_t next_job_ = 43;
};

class TestServer {
 public:
  explicit TestServer(HttpOptions options = {});
  ~TestServer();

  std::uint16_t port() const { return http->address().port; }

  TestJobs jobs;
  std::unique_ptr<grpc::Server> grpc;
  std::unique_ptr<HttpServer> http;
};

// Sends `bytes` to the port, in pieces with a pause when `piece` is not 0, and returns all that
// comes back until the server closes, or until `until` has come.
std::string exchange(std::uint16_t port, const std::string& bytes, const std::string& until = {});

// A request with the token and the usual headers, and "Connection: close".
std::string request_text(const std::string& method, const std::string& target,
                         const std::string& body = {}, const std::string& headers = {});

// The status of an answer's text, and its body.
int status_of(const std::string& answer);
std::string body_of(const std::string& answer);

}  // namespace dl::runtime::http::testing
