// All connected agents: which stream belongs to which node, and the way from effects to streams.
//
// The core decides who is welcome: a stream takes orders for its node from the core's WelcomeAgent
// on. Of two connections of one name the newer gets the node, and the core drops the older one.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "daemon/coordinator/effect.h"
#include "daemon/runtime/server/agent_stream.h"
#include "daemon/runtime/server/stats.h"

namespace dl::runtime::server {

class AgentSessions {
 public:
  struct Options {
    std::function<void(coordinator::Event)> post;  // To the control thread.
    std::function<void(const NodeId& node, const v1::LogData& data)> log_data;
    std::function<void(const NodeId& node)> gone;  // The node has no connection any more.
    std::chrono::milliseconds heartbeat{2000};     // Told to the agents.
    Stats* stats = nullptr;
  };
  explicit AgentSessions(Options options) : options_(std::move(options)) {}

  // For AgentService.Connect: a new stream, which lives until its agent or close_all() ends it.
  grpc::ServerBidiReactor<v1::FromAgent, v1::ToAgent>* connect(
      grpc::CallbackServerContext& context);

  // Carries out an effect that is for an agent. To a node that is away it is dropped: the agent's
  // inventory will tell what it has missed.
  void perform(const coordinator::Effect& effect);

  // False: the node is away.
  bool send(const NodeId& node, v1::ToAgent message);

  void close_all(const grpc::Status& status);

 private:
  struct Session {
    std::shared_ptr<AgentStream> stream;
    NodeId node;                // Empty before its registration.
    std::uint64_t session = 0;  // 0 before the core's welcome.
  };

  void on_message(AgentStream& stream, const v1::FromAgent& message);
  Result<coordinator::Event> event_of(AgentStream& stream, const v1::FromAgent& message);
  Result<coordinator::Event> on_registration(AgentStream& stream, const v1::Registration& wired);
  void on_closed(AgentStream& stream);
  NodeId node_of(std::uint64_t connection);
  void perform(const coordinator::WelcomeAgent& effect);
  void perform(const coordinator::DropAgent& effect);
  void perform(const StartTask& effect);
  void perform(const coordinator::StopTask& effect);
  void perform(const coordinator::ForgetTask& effect);
  void perform(const coordinator::AcknowledgeReports& effect);
  void perform(const coordinator::Reply&) {}  // The control thread's own.

  const Options options_;
  std::mutex mutex_;
  std::uint64_t next_connection_ = 1;
  std::map<std::uint64_t, Session> sessions_;      // By connection.
  std::map<NodeId, std::uint64_t> connection_of_;  // The welcomed connection of each node.
};

}  // namespace dl::runtime::server
