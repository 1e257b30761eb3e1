#include "tests/integration/fake_agent.h"

#include <chrono>
#include <stdexcept>

namespace dl::test {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

FakeAgent::FakeAgent(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
                     std::string node, std::uint32_t cpus, std::vector<TaskStatus> tasks)
    : stub_(v1::AgentService::NewStub(channel)) {
  context_.AddMetadata("authorization", "Bearer " + token);
  stream_ = stub_->Connect(&context_);
  reader_ = std::thread([this] { read(); });
  runtime::wire::Registration registration;
  registration.node = std::move(node);
  registration.host = "127.0.0.1";
  registration.version = "test";
  registration.resources.cpus = cpus;
  for (std::uint16_t port = 20000; port < 20008; ++port) registration.free_ports.push_back(port);
  registration.tasks = std::move(tasks);
  v1::FromAgent message;
  *message.mutable_registration() = runtime::wire::to_wire(registration);
  write(message);
  session_ = expect(Case::kWelcome).welcome().session();
}

FakeAgent::~FakeAgent() {
  context_.TryCancel();
  reader_.join();
}

void FakeAgent::read() {
  v1::ToAgent message;
  while (stream_->Read(&message)) {
    const std::lock_guard lock(mutex_);
    inbox_.push_back(message);
    arrived_.notify_all();
  }
  const grpc::Status status = stream_->Finish();
  const std::lock_guard lock(mutex_);
  status_ = status;
  ended_ = true;
  arrived_.notify_all();
}

void FakeAgent::write(const v1::FromAgent& message) {
  if (!stream_->Write(message)) throw std::runtime_error("the coordinator has hung up");
}

v1::ToAgent FakeAgent::expect(Case kind) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (!arrived_.wait_for(lock, kPatience, [&] { return ended_ || !inbox_.empty(); })) {
      throw std::runtime_error("the agent has waited in vain for message " + std::to_string(kind));
    }
    if (inbox_.empty()) {
      throw std::runtime_error("the stream has ended: " + status_.error_message());
    }
    v1::ToAgent message = std::move(inbox_.front());
    inbox_.pop_front();
    if (message.message_case() == kind) return message;
  }
}

grpc::Status FakeAgent::wait_for_end() {
  std::unique_lock lock(mutex_);
  if (!arrived_.wait_for(lock, kPatience, [&] { return ended_; })) {
    throw std::runtime_error("the agent's stream goes on");
  }
  return status_;
}

void FakeAgent::say_task(const v1::TaskRef& task, TaskState state, std::optional<TaskExit> exit) {
  v1::FromAgent message;
  message.mutable_task_change()->set_session(session_);
  const TaskStatus status{*runtime::wire::from_wire(task), state, 4711, std::move(exit)};
  *message.mutable_task_change()->mutable_status() = runtime::wire::to_wire(status);
  write(message);
}

void FakeAgent::say_report(const v1::TaskRef& task, v1::TaskReport report) {
  v1::FromAgent message;
  message.mutable_report()->set_session(session_);
  *message.mutable_report()->mutable_task() = task;
  *message.mutable_report()->mutable_report() = std::move(report);
  write(message);
}

void FakeAgent::say_log(std::uint64_t request, const std::string& data, bool end) {
  v1::FromAgent message;
  message.mutable_log_data()->set_request(request);
  message.mutable_log_data()->set_data(data);
  message.mutable_log_data()->set_end(end);
  write(message);
}

}  // namespace dl::test
