// A coordinator for the tests: the real wire, and orders by hand.

#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/runtime/security/credentials.h"
#include "daemon/runtime/wire/agent_messages.h"
#include "dl/v1/agent.grpc.pb.h"

namespace dl::test {

class FakeCoordinator final : public v1::AgentService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::ToAgent, v1::FromAgent>;

  // Port 0: the system's choice, kept over down() and up().
  explicit FakeCoordinator(std::string token) : token_(std::move(token)) { up(); }
  ~FakeCoordinator() override { down(); }

  void up() {
    grpc::ServerBuilder builder;
    int chosen = 0;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_),
                             grpc::InsecureServerCredentials(), &chosen);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    port_ = chosen;
  }
  void down() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    server_.reset();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Waits for a message since the last clear() that `matches`; false after 20 s.
  bool wait_for(const std::function<bool(const v1::FromAgent&)>& matches,
                v1::FromAgent* found = {}) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      for (const auto& message : messages_) {
        if (!matches(message)) continue;
        if (found != nullptr) *found = message;
        return true;
      }
      return false;
    });
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    messages_.clear();
  }
  std::vector<v1::FromAgent> messages() {
    const std::lock_guard lock(mutex_);
    return messages_;
  }
  std::uint64_t session() {
    const std::lock_guard lock(mutex_);
    return session_;
  }

  // From now on every report is acknowledged as soon as it comes.
  void acknowledge_reports() {
    const std::lock_guard lock(mutex_);
    acknowledges_ = true;
  }
  void send(const v1::ToAgent& message) {
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Write(message);
  }
  void start(const StartTask& order) {
    v1::ToAgent message;
    *message.mutable_start_task() = runtime::wire::to_wire(order);
    send(message);
  }
  void stop(const TaskId& task, std::uint32_t grace_ms) {
    v1::ToAgent message;
    *message.mutable_stop_task()->mutable_task() = runtime::wire::to_wire(task);
    message.mutable_stop_task()->set_grace_ms(grace_ms);
    send(message);
  }
  void forget(const TaskId& task) {
    v1::ToAgent message;
    *message.mutable_forget_task()->mutable_task() = runtime::wire::to_wire(task);
    send(message);
  }

  grpc::Status Connect(grpc::ServerContext* context, Stream* stream) override {
    if (auto shown = runtime::check_bearer(*context, token_); !shown.ok()) return shown;
    v1::FromAgent message;
    while (stream->Read(&message)) {
      const std::lock_guard lock(mutex_);
      if (message.has_registration()) {
        stream_ = stream;
        v1::ToAgent welcome;
        welcome.mutable_welcome()->set_session(++session_);
        welcome.mutable_welcome()->set_heartbeat_ms(100);
        stream->Write(welcome);
      }
      if (message.has_report() && acknowledges_) {
        v1::ToAgent answer;
        auto& acknowledged = *answer.mutable_reports_acknowledged();
        *acknowledged.mutable_task() = message.report().report().task();
        acknowledged.set_number(message.report().report().number());
        stream->Write(answer);
      }
      messages_.push_back(message);
      changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    if (stream_ == stream) stream_ = nullptr;
    return grpc::Status::OK;
  }

 private:
  const std::string token_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<v1::FromAgent> messages_;
  std::uint64_t session_ = 0;
  bool acknowledges_ = false;
  Stream* stream_ = nullptr;
};

}  // namespace dl::test
