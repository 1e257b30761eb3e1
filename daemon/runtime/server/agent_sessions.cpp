#include "daemon/runtime/server/agent_sessions.h"

#include "base/log.h"
#include "daemon/runtime/wire/status.h"

namespace dl::runtime::server {
namespace {

using coordinator::Event;

// "ipv4:10.0.0.7:4711", "ipv6:%5B::1%5D:4711" → the host alone.
std::string host_of_peer(std::string peer) {
  const auto scheme = peer.find(':');
  if (scheme != std::string::npos) peer.erase(0, scheme + 1);
  const auto port = peer.rfind(':');
  if (port != std::string::npos) peer.resize(port);
  for (const std::string_view bracket : {"%5B", "%5D", "[", "]"}) {
    if (const auto at = peer.find(bracket); at != std::string::npos) peer.erase(at, bracket.size());
  }
  return peer;
}

}  // namespace

grpc::ServerBidiReactor<v1::FromAgent, v1::ToAgent>* AgentSessions::connect(
    grpc::CallbackServerContext& context) {
  std::unique_lock lock(mutex_);
  const std::uint64_t connection = next_connection_++;
  lock.unlock();
  const auto stream = AgentStream::start(
      context, connection, host_of_peer(context.peer()),
      {[this](AgentStream& from, const v1::FromAgent& message) { on_message(from, message); },
       [this](AgentStream& from) { on_closed(from); }});
  return stream.get();  // Which owns itself until gRPC is done with it.
}

void AgentSessions::on_message(AgentStream& stream, const v1::FromAgent& message) {
  if (message.has_log_data()) {
    return options_.log_data(node_of(stream.connection()), message.log_data());
  }
  auto event = event_of(stream, message);
  if (event) return options_.post(*std::move(event));
  spdlog::warn("agent {} at {}: {}", node_of(stream.connection()), stream.peer_host(),
               to_string(event.error()));
  if (message.has_registration()) stream.close(wire::to_status(event.error()));
}

Result<Event> AgentSessions::event_of(AgentStream& stream, const v1::FromAgent& message) {
  if (message.has_registration()) return on_registration(stream, message.registration());
  const NodeId node = node_of(stream.connection());
  if (node.empty()) {
    return Error{Code::kFailedPrecondition, "the first message must be the registration"};
  }
  switch (message.message_case()) {
    case v1::FromAgent::kHeartbeat: {
      DL_TRY(auto heartbeat, wire::from_wire(message.heartbeat()));
      return Event(coordinator::AgentHeartbeat{
          node, heartbeat.session, std::move(heartbeat.free_ports), std::move(heartbeat.tasks)});
    }
    case v1::FromAgent::kTaskChange: {
      DL_TRY(auto status, wire::from_wire(message.task_change().status()));
      return Event(
          coordinator::TaskChanged{node, message.task_change().session(), std::move(status)});
    }
    case v1::FromAgent::kReport: {
      // The relayed report need not repeat which task it is from.
      v1::TaskReport wired = message.report().report();
      *wired.mutable_task() = message.report().task();
      DL_TRY(auto report, wire::from_wire(wired));
      return Event(coordinator::TaskReport{
          node, message.report().session(), report.task, report.number, report.progress,
          std::move(report.metrics), std::move(report.checkpoint)});
    }
    default:
      return invalid_argument(
          "a message of a kind that this version does not know; upgrade the "
          "coordinator");
  }
}

Result<Event> AgentSessions::on_registration(AgentStream& stream, const v1::Registration& wired) {
  DL_TRY(auto registration, wire::from_wire(wired));
  if (registration.api < wire::kApiMin) {
    return Error{Code::kFailedPrecondition,
                 "the agent of " + registration.node + " speaks API " +
                     std::to_string(registration.api) + ", this coordinator needs at least " +
                     std::to_string(wire::kApiMin) + ": upgrade the agent"};
  }
  {
    const std::lock_guard lock(mutex_);
    Session& session = sessions_[stream.connection()];
    if (!session.node.empty()) {
      return Error{Code::kFailedPrecondition, "registered twice on one stream"};
    }
    session.stream = stream.shared_from_this();
    session.node = registration.node;
    if (options_.stats != nullptr) ++options_.stats->agents_connected;
  }
  if (registration.host.empty()) registration.host = stream.peer_host();
  return Event(coordinator::AgentConnected{
      stream.connection(), std::move(registration.node), std::move(registration.host),
      std::move(registration.version), std::move(registration.resources),
      std::move(registration.free_ports), std::move(registration.tasks)});
}

void AgentSessions::on_closed(AgentStream& stream) {
  Session session;
  bool was_current = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(stream.connection());
    if (found == sessions_.end()) return;
    session = std::move(found->second);
    sessions_.erase(found);
    const auto current = connection_of_.find(session.node);
    was_current = current != connection_of_.end() && current->second == stream.connection();
    if (was_current) connection_of_.erase(current);
    if (options_.stats != nullptr) --options_.stats->agents_connected;
  }
  if (was_current) options_.gone(session.node);
  if (session.session != 0) {
    options_.post(coordinator::AgentDisconnected{session.node, session.session});
  }
}

NodeId AgentSessions::node_of(std::uint64_t connection) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(connection);
  return found == sessions_.end() ? NodeId() : found->second.node;
}

bool AgentSessions::send(const NodeId& node, v1::ToAgent message) {
  std::shared_ptr<AgentStream> stream;
  {
    const std::lock_guard lock(mutex_);
    const auto current = connection_of_.find(node);
    if (current == connection_of_.end()) return false;
    stream = sessions_.at(current->second).stream;
  }
  stream->send(std::move(message));
  return true;
}

void AgentSessions::close_all(const grpc::Status& status) {
  std::vector<std::shared_ptr<AgentStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [connection, session] : sessions_) streams.push_back(session.stream);
  }
  for (const auto& stream : streams) stream->close(status);
}

void AgentSessions::perform(const coordinator::Effect& effect) {
  std::visit([this](const auto& kind) { perform(kind); }, effect);
}

void AgentSessions::perform(const coordinator::WelcomeAgent& effect) {
  bool taken_over = false;
  {
    const std::lock_guard lock(mutex_);
    const auto found = sessions_.find(effect.connection);
    if (found == sessions_.end()) {
      // It went away while its registration was being committed.
      return options_.post(coordinator::AgentDisconnected{effect.node, effect.session});
    }
    found->second.session = effect.session;
    taken_over = !connection_of_.insert_or_assign(effect.node, effect.connection).second;
  }
  if (taken_over) options_.gone(effect.node);
  v1::ToAgent message;
  message.mutable_welcome()->set_session(effect.session);
  message.mutable_welcome()->set_heartbeat_ms(
      static_cast<std::uint32_t>(options_.heartbeat.count()));
  send(effect.node, std::move(message));
}

void AgentSessions::perform(const coordinator::DropAgent& effect) {
  std::vector<std::shared_ptr<AgentStream>> streams;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [connection, session] : sessions_) {
      const bool meant = effect.session == 0 || effect.session == session.session;
      if (session.node == effect.node && meant) streams.push_back(session.stream);
    }
  }
  for (const auto& stream : streams) {
    stream->close({grpc::StatusCode::ABORTED, effect.reason});
  }
}

void AgentSessions::perform(const StartTask& effect) {
  v1::ToAgent message;
  *message.mutable_start_task() = wire::to_wire(effect);
  send(effect.node, std::move(message));
}

void AgentSessions::perform(const coordinator::StopTask& effect) {
  v1::ToAgent message;
  *message.mutable_stop_task()->mutable_task() = wire::to_wire(effect.task);
  message.mutable_stop_task()->set_grace_ms(static_cast<std::uint32_t>(effect.grace.count()));
  send(effect.node, std::move(message));
}

void AgentSessions::perform(const coordinator::ForgetTask& effect) {
  v1::ToAgent message;
  *message.mutable_forget_task()->mutable_task() = wire::to_wire(effect.task);
  send(effect.node, std::move(message));
}

void AgentSessions::perform(const coordinator::AcknowledgeReports& effect) {
  v1::ToAgent message;
  *message.mutable_reports_acknowledged()->mutable_task() = wire::to_wire(effect.task);
  message.mutable_reports_acknowledged()->set_number(effect.number);
  send(effect.node, std::move(message));
}

}  // namespace dl::runtime::server
