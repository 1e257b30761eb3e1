#include "daemon/runtime/http/testing/test_server.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>
#include <thread>

namespace dl::runtime::http::testing {
namespace {

using grpc::Status;
using grpc::StatusCode;

// Until the client has gone: what a service does that waits for the next event.
void wait_for_end(const grpc::ServerContext& context) {
  while (!context.IsCancelled()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

}  // namespace

Status TestJobs::SubmitJob(grpc::ServerContext* context, const dl::v1::SubmitJobRequest* request,
                           dl::v1::SubmitJobResponse* response) {
  if (Status status = check_bearer(*context, kToken); !status.ok()) return status;
  if (request->document().find("nmae:") != std::string::npos) {
    return {StatusCode::INVALID_ARGUMENT,
            "line 1, column 1: unknown key \"nmae\" (did you mean \"name\"?)"};
  }
  const std::lock_guard lock(mutex_);
  if (!request->idempotency_key().empty()) {
    const auto [it, added] =
        keys_.try_emplace(request->idempotency_key(), next_job_, request->document());
    if (!added && it->second.second != request->document()) {
      return {StatusCode::ALREADY_EXISTS, "this idempotency key was used with another document"};
    }
    if (!added) {
      response->set_job(it->second.first);
      return Status::OK;
    }
  }
  response->set_job(next_job_++);
  response->set_name("test");
  return Status::OK;
}

Status TestJobs::GetJob(grpc::ServerContext* context, const dl::v1::GetJobRequest* request,
                        dl::v1::Job* response) {
  if (Status status = check_bearer(*context, kToken); !status.ok()) return status;
  if (request->job() == "slow") {
    wait_for_end(*context);
    return {StatusCode::CANCELLED, "gone"};
  }
  if (request->job() != "42") {
    return {StatusCode::NOT_FOUND,
            "there is no job " + request->job() + "; GET /v1/jobs lists them"};
  }
  response->set_id(42);
  response->set_state(dl::v1::JOB_STATE_RUNNING);
  return Status::OK;
}

Status TestJobs::CancelJob(grpc::ServerContext* context, const dl::v1::CancelJobRequest* request,
                           dl::v1::CancelJobResponse*) {
  if (Status status = check_bearer(*context, kToken); !status.ok()) return status;
  if (request->job() == "42") return Status::OK;
  return {StatusCode::FAILED_PRECONDITION, "job " + request->job() + " has ended"};
}

Status TestJobs::WatchJob(grpc::ServerContext* context, const dl::v1::WatchJobRequest* request,
                          grpc::ServerWriter<dl::v1::JobEvent>* writer) {
  if (Status status = check_bearer(*context, kToken); !status.ok()) return status;
  dl::v1::JobEvent event;
  event.set_type("submitted");
  if (request->job() == "long") {
    event.set_message(std::string(64 << 10, 'm'));
    for (std::uint64_t id = 1; event.set_id(id), writer->Write(event); ++id) ++events_written;
    ++watches_ended;
    return Status::OK;
  }
  if (request->job() == "silent") {
    event.set_id(1);
    writer->Write(event);
    wait_for_end(*context);
    ++watches_ended;
    return Status::OK;
  }
  if (request->job() != "42") return {StatusCode::NOT_FOUND, "there is no job " + request->job()};
  for (std::uint64_t id = request->after() + 1; id <= 3; ++id) {
    event.set_id(id);
    event.set_type(id == 3 ? "succeeded" : "progress");
    writer->Write(event);
  }
  if (request->no_follow()) return {StatusCode::DATA_LOSS, "the journal ends here"};
  return Status::OK;
}

Status TestJobs::ReadLogs(grpc::ServerContext* context, const dl::v1::ReadLogsRequest*,
                          grpc::ServerWriter<dl::v1::LogChunk>* writer) {
  if (Status status = check_bearer(*context, kToken); !status.ok()) return status;
  dl::v1::LogChunk chunk;
  chunk.set_task("worker:0");
  chunk.set_data("epoch 1\n");
  writer->Write(chunk);
  chunk.set_data("epoch 2\n");
  chunk.set_offset(8);
  writer->Write(chunk);
  return Status::OK;
}

TestServer::TestServer(HttpOptions options) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&jobs);
  grpc = builder.BuildAndStart();
  options.address.host = "127.0.0.1";
  options.token = kToken;
  options.version = "0.1.0";
  options.services = {"dl.v1.JobService"};
  options.channel = grpc->InProcessChannel(grpc::ChannelArguments());
  auto started = HttpServer::start(std::move(options));
  if (!started) throw std::runtime_error(to_string(started.error()));
  http = *std::move(started);
}

TestServer::~TestServer() {
  http.reset();
  grpc->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
}

std::string exchange(std::uint16_t port, const std::string& bytes, const std::string& until) {
  using boost::asio::ip::tcp;
  boost::asio::io_context loop;
  tcp::socket socket(loop);
  socket.connect({boost::asio::ip::address_v4::loopback(), port});
  boost::system::error_code error;
  boost::asio::write(socket, boost::asio::buffer(bytes), error);
  std::string answer;
  std::array<char, 16 << 10> buffer{};
  while (true) {
    const std::size_t size = socket.read_some(boost::asio::buffer(buffer), error);
    answer.append(buffer.data(), size);
    if (error || (!until.empty() && answer.find(until) != std::string::npos)) return answer;
  }
}

std::string request_text(const std::string& method, const std::string& target,
                         const std::string& body, const std::string& headers) {
  std::string text = method + " " + target + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" +
                     "Authorization: Bearer " + kToken + "\r\n" + headers;
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

int status_of(const std::string& answer) {
  return answer.size() < 12 ? 0 : std::stoi(answer.substr(9, 3));
}

std::string body_of(const std::string& answer) {
  const std::size_t end = answer.find("\r\n\r\n");
  return end == std::string::npos ? "" : answer.substr(end + 4);
}

}  // namespace dl::runtime::http::testing
