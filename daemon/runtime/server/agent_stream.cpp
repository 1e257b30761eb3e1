#include "daemon/runtime/server/agent_stream.h"

namespace dl::runtime::server {

AgentStream::AgentStream(grpc::CallbackServerContext& context, std::uint64_t connection,
                         std::string peer_host, Handlers handlers)
    : context_(context),
      connection_(connection),
      peer_host_(std::move(peer_host)),
      handlers_(std::move(handlers)) {}

std::shared_ptr<AgentStream> AgentStream::start(grpc::CallbackServerContext& context,
                                                std::uint64_t connection, std::string peer_host,
                                                Handlers handlers) {
  std::shared_ptr<AgentStream> stream(
      new AgentStream(context, connection, std::move(peer_host), std::move(handlers)));
  stream->self_ = stream;
  stream->StartRead(&stream->incoming_);
  return stream;
}

void AgentStream::send(v1::ToAgent message) {
  std::unique_lock lock(mutex_);
  if (closing_) return;
  queue_bytes_ += message.ByteSizeLong();
  queue_.push_back(std::move(message));
  if (queue_bytes_ > kQueueBytesMax) {
    closing_ = true;
    status_ = {grpc::StatusCode::RESOURCE_EXHAUSTED,
               "the agent has not read what was sent to it; it has to connect again"};
    return context_.TryCancel();  // Ends the write in hand, which finishes the stream.
  }
  if (queue_.size() == 1) StartWrite(&queue_.front());
}

void AgentStream::close(const grpc::Status& status) {
  std::unique_lock lock(mutex_);
  if (closing_) return;
  closing_ = true;
  status_ = status;
  finish_if_idle(lock);
}

void AgentStream::finish_if_idle(std::unique_lock<std::mutex>& lock) {
  if (!queue_.empty() || finished_) return;
  finished_ = true;
  lock.unlock();
  Finish(status_);
}

void AgentStream::OnReadDone(bool ok) {
  if (!ok) return close(grpc::Status::OK);
  handlers_.message(*this, incoming_);
  const std::lock_guard lock(mutex_);
  if (finished_) return;
  incoming_.Clear();
  StartRead(&incoming_);
}

void AgentStream::OnWriteDone(bool ok) {
  std::unique_lock lock(mutex_);
  queue_bytes_ -= queue_.front().ByteSizeLong();
  queue_.pop_front();
  if (!ok && !closing_) {
    closing_ = true;
    status_ = {grpc::StatusCode::UNAVAILABLE, "the connection to the agent has broken"};
  }
  if (closing_) {
    queue_.clear();
    return finish_if_idle(lock);
  }
  if (!queue_.empty()) StartWrite(&queue_.front());
}

void AgentStream::OnCancel() { close({grpc::StatusCode::CANCELLED, "the connection has ended"}); }

void AgentStream::OnDone() {
  handlers_.closed(*this);
  self_.reset();
}

}  // namespace dl::runtime::server
