#include "daemon/runtime/server/log_relay.h"

#include <vector>

namespace dl::runtime::server {

Error node_away(const NodeId& node) {
  return unavailable("node " + node +
                     " is away, and the output is kept there; try again when it "
                     "is back (dlctl nodes)");
}

Result<std::uint64_t> LogRelay::open(const NodeId& node, v1::ReadLogOrder order, Sink sink) {
  std::unique_lock lock(mutex_);
  const std::uint64_t request = next_request_++;
  requests_[request] = {node, std::move(sink)};
  lock.unlock();
  order.set_request(request);
  order.set_window_bytes(kWindowBytes);
  v1::ToAgent message;
  *message.mutable_read_log() = std::move(order);
  if (send_(node, std::move(message))) return request;
  lock.lock();
  requests_.erase(request);
  return node_away(node);
}

void LogRelay::more(std::uint64_t request, std::uint64_t bytes) {
  NodeId node;
  {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(request);
    if (found == requests_.end()) return;
    node = found->second.node;
  }
  v1::ToAgent message;
  message.mutable_more_log()->set_request(request);
  message.mutable_more_log()->set_bytes(bytes);
  send_(node, std::move(message));
}

void LogRelay::cancel(std::uint64_t request) {
  std::unique_lock lock(mutex_);
  const auto found = requests_.extract(request);
  lock.unlock();
  if (found.empty()) return;
  v1::ToAgent message;
  message.mutable_cancel_log()->set_request(request);
  send_(found.mapped().node, std::move(message));
}

void LogRelay::on_data(const NodeId& node, const v1::LogData& data) {
  Sink sink;
  {
    const std::lock_guard lock(mutex_);
    const auto found = requests_.find(data.request());
    if (found == requests_.end() || found->second.node != node) return;
    sink = found->second.sink;
    if (data.end()) requests_.erase(found);
  }
  sink(data);
}

void LogRelay::on_gone(const NodeId& node) {
  std::vector<std::pair<std::uint64_t, Sink>> ended;
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(requests_, [&](auto& entry) {
      if (entry.second.node != node) return false;
      ended.emplace_back(entry.first, std::move(entry.second.sink));
      return true;
    });
  }
  for (const auto& [request, sink] : ended) {
    v1::LogData data;
    data.set_request(request);
    data.set_end(true);
    data.set_error(node_away(node).message);
    sink(data);
  }
}

}  // namespace dl::runtime::server
