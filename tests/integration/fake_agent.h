// An agent's side of the real wire, moved by the test: it registers, waits for orders and says
// what the test wants said.

#pragma once

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "daemon/runtime/wire/agent_messages.h"
#include "dl/v1/agent.grpc.pb.h"

namespace dl::test {

class FakeAgent {
 public:
  using Case = v1::ToAgent::MessageCase;

  // Dials and registers a node with `cpus` CPU slots and eight free ports.
  FakeAgent(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
            std::string node, std::uint32_t cpus = 4, std::vector<TaskStatus> tasks = {});
  // Hangs up.
  ~FakeAgent();

  // The next message of this kind, waiting for it; others that come before it are dropped. Fails
  // the test after ten seconds, or when the stream ends.
  v1::ToAgent expect(Case kind);
  // Waits for the stream's end and returns how it ended.
  grpc::Status wait_for_end();

  std::uint64_t session() const { return session_; }

  // --- what it says ---------------------------------------------------------------------------
  void say_task(const v1::TaskRef& task, TaskState state, std::optional<TaskExit> exit = {});
  void say_report(const v1::TaskRef& task, v1::TaskReport report);
  void say_log(std::uint64_t request, const std::string& data, bool end);

 private:
  void read();
  void write(const v1::FromAgent& message);

  grpc::ClientContext context_;
  std::unique_ptr<v1::AgentService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::FromAgent, v1::ToAgent>> stream_;
  std::uint64_t session_ = 0;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<v1::ToAgent> inbox_;
  bool ended_ = false;
  grpc::Status status_;
  std::thread reader_;
};

}  // namespace dl::test
