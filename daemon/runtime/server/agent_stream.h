// One agent's connection: a stream of its own, from its registration to its end.
//
// What the agent says becomes events; what the core wants of the agent is queued here and written
// in order. The queue is bounded: an agent that takes nothing off it for too long is dropped, and
// heals itself by connecting again.

#pragma once

#include <grpcpp/grpcpp.h>

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "daemon/runtime/wire/agent_messages.h"
#include "dl/v1/agent.grpc.pb.h"

namespace dl::runtime::server {

class AgentStream final : public grpc::ServerBidiReactor<v1::FromAgent, v1::ToAgent>,
                          public std::enable_shared_from_this<AgentStream> {
 public:
  // Called from gRPC's threads, one at a time for each stream.
  struct Handlers {
    std::function<void(AgentStream& stream, const v1::FromAgent& message)> message;
    std::function<void(AgentStream& stream)> closed;  // Once, last.
  };

  // `connection` is its name within this process; `peer_host` the address it comes from.
  static std::shared_ptr<AgentStream> start(grpc::CallbackServerContext& context,
                                            std::uint64_t connection, std::string peer_host,
                                            Handlers handlers);

  std::uint64_t connection() const { return connection_; }
  const std::string& peer_host() const { return peer_host_; }

  // Dropped when the stream is closing.
  void send(v1::ToAgent message);
  // Ends the stream; what is queued is not sent any more.
  void close(const grpc::Status& status);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  AgentStream(grpc::CallbackServerContext& context, std::uint64_t connection, std::string peer_host,
              Handlers handlers);
  void finish_if_idle(std::unique_lock<std::mutex>& lock);

  static constexpr std::size_t kQueueBytesMax = 64u << 20;

  grpc::CallbackServerContext& context_;  // Outlives the reactor.
  const std::uint64_t connection_;
  const std::string peer_host_;
  const Handlers handlers_;
  v1::FromAgent incoming_;

  std::mutex mutex_;
  std::deque<v1::ToAgent> queue_;  // The first one is being written.
  std::size_t queue_bytes_ = 0;
  bool closing_ = false;
  bool finished_ = false;
  grpc::Status status_;
  std::shared_ptr<AgentStream> self_;  // Until gRPC is done with it.
};

}  // namespace dl::runtime::server
