#include "daemon/runtime/agent/task_service.h"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>

namespace dl::runtime::agent {
namespace {

class Stream final : public grpc::ServerBidiReactor<v1::TaskReport, v1::TaskAck>,
                     public WorkerStream,
                     public std::enable_shared_from_this<Stream> {
 public:
  Stream(std::uint64_t serial, const TaskServer::Handlers& handlers)
      : serial_(serial), handlers_(handlers) {}

  std::uint64_t serial() const override { return serial_; }

  void start() {
    self_ = shared_from_this();
    StartRead(&incoming_);
  }

  void read_next() override {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    StartRead(&incoming_);
  }

  // Only the highest number matters: acknowledgements that wait for a write are merged.
  void acknowledge(std::uint64_t number) override {
    const std::lock_guard lock(mutex_);
    if (finished_ || closing_ || number <= wanted_) return;
    wanted_ = number;
    if (!writing_) write();
  }

  void close(const grpc::Status& status) override {
    std::unique_lock lock(mutex_);
    if (closing_) return;
    closing_ = true;
    status_ = status;
    finish_if_idle(lock);
  }

  void OnReadDone(bool ok) override {
    if (ok) {
      last_read_ = std::max(last_read_, incoming_.number());
      handlers_.report(self_, std::move(incoming_));
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      half_closed_ = true;
      // A worker that has said all may still wait for the acknowledgement.
      if (outgoing_.number() < last_read_) return;
    }
    close(grpc::Status::OK);
  }

  void OnWriteDone(bool ok) override {
    std::unique_lock lock(mutex_);
    writing_ = false;
    if (!ok) closing_ = true;
    if (half_closed_ && outgoing_.number() >= last_read_) closing_ = true;
    if (closing_) return finish_if_idle(lock);
    if (wanted_ > outgoing_.number()) write();
  }

  void OnCancel() override { close({grpc::StatusCode::CANCELLED, "the worker has gone"}); }

  void OnDone() override {
    handlers_.closed(self_);
    self_.reset();
  }

 private:
  void write() {
    writing_ = true;
    outgoing_.set_number(wanted_);
    StartWrite(&outgoing_);
  }

  void finish_if_idle(std::unique_lock<std::mutex>& lock) {
    if (writing_ || finished_) return;
    finished_ = true;
    lock.unlock();
    Finish(status_);
  }

  const std::uint64_t serial_;
  const TaskServer::Handlers handlers_;
  v1::TaskReport incoming_;
  std::uint64_t last_read_ = 0;   // Written by reads alone, and settled once they have ended.
  std::shared_ptr<Stream> self_;  // Until gRPC is done with it.

  std::mutex mutex_;
  v1::TaskAck outgoing_;
  std::uint64_t wanted_ = 0;
  bool writing_ = false;
  bool half_closed_ = false;
  bool closing_ = false;
  bool finished_ = false;
  grpc::Status status_;
};

}  // namespace

class TaskServer::Service final : public v1::TaskService::CallbackService {
 public:
  explicit Service(Handlers handlers) : handlers_(std::move(handlers)) {}

  grpc::ServerBidiReactor<v1::TaskReport, v1::TaskAck>* Report(
      grpc::CallbackServerContext*) override {
    const auto stream = std::make_shared<Stream>(++serial_, handlers_);
    stream->start();
    return stream.get();
  }

 private:
  const Handlers handlers_;
  std::atomic<std::uint64_t> serial_{0};
};

TaskServer::TaskServer(Handlers handlers)
    : service_(std::make_unique<Service>(std::move(handlers))) {}

TaskServer::~TaskServer() {
  if (server_) server_->Shutdown(std::chrono::system_clock::now());
}

Result<std::unique_ptr<TaskServer>> TaskServer::start(const std::filesystem::path& socket,
                                                      Handlers handlers) {
  std::unique_ptr<TaskServer> server(new TaskServer(std::move(handlers)));
  ::unlink(socket.c_str());  // An agent that was killed has left it.
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
  builder.RegisterService(server->service_.get());
  server->server_ = builder.BuildAndStart();
  if (!server->server_) {
    return unavailable("cannot listen on " + socket.string() +
                       "; check that its folder can be written");
  }
  if (::chmod(socket.c_str(), 0600) != 0) return errno_error("chmod " + socket.string(), errno);
  return server;
}

std::filesystem::path socket_path(const std::filesystem::path& preferred) {
  if (preferred.string().size() < sizeof(sockaddr_un::sun_path)) return preferred;
  const auto hash = std::hash<std::string>{}(preferred.string());
  return std::filesystem::temp_directory_path() / ("dl-agent-" + std::to_string(hash) + ".sock");
}

}  // namespace dl::runtime::agent
