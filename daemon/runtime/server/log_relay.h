// Brings tasks' output from the agents that keep it to those who read it.
//
// Each read is a request of its own on the agent's stream. It is flow-controlled: the agent sends
// at most kWindowBytes that the reader has not taken yet, so a slow reader costs that much memory
// and holds up nobody.

#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "base/result.h"
#include "dl/v1/agent.pb.h"
#include "model/cluster.h"

namespace dl::runtime::server {

class LogRelay {
 public:
  static constexpr std::uint64_t kWindowBytes = 1u << 20;
  // From an agent that does not keep to the window: the read is ended.
  static constexpr std::uint64_t kBufferBytesMax = 8 * kWindowBytes;

  // To the agent of `node`; false: it is away.
  using Send = std::function<bool(const NodeId& node, v1::ToAgent message)>;
  explicit LogRelay(Send send) : send_(std::move(send)) {}

  // Called from any thread, in the order of the log; the last call has `data.end()`.
  using Sink = std::function<void(const v1::LogData& data)>;

  // Asks the agent of `node` for a task's log. The request's number, or kUnavailable when the node
  // is away; `sink` is then never called.
  Result<std::uint64_t> open(const NodeId& node, v1::ReadLogOrder order, Sink sink);
  // The reader has taken so much.
  void more(std::uint64_t request, std::uint64_t bytes);
  // The reader has gone: `sink` is not called any more, but may be running.
  void cancel(std::uint64_t request);

  // From the agents' streams.
  void on_data(const NodeId& node, const v1::LogData& data);
  void on_gone(const NodeId& node);

 private:
  struct Request {
    NodeId node;
    Sink sink;
  };

  const Send send_;
  std::mutex mutex_;
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, Request> requests_;
};

// Why the output of a task on `node` cannot be read.
Error node_away(const NodeId& node);

}  // namespace dl::runtime::server
