// The messages between coordinator and agent: model structs ↔ proto/dl/v1/agent.proto.
//
// Both shells use it, so a field that is added is added here once. to_wire() cannot fail.
// from_wire() trusts nobody: a word or number it does not know is kInvalidArgument, with the
// field and the value, and the message is then dropped as a whole.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "dl/v1/agent.pb.h"
#include "model/cluster.h"
#include "model/order.h"

namespace dl::runtime::wire {

// The version of the API that this build speaks (FromAgent's registration and the `dl-api`
// metadata of clients), and the oldest that it still understands.
inline constexpr std::uint32_t kApi = 1;
inline constexpr std::uint32_t kApiMin = 1;

v1::TaskRef to_wire(const TaskId& id);
Result<TaskId> from_wire(const v1::TaskRef& ref);

v1::TaskExitInfo to_wire(const TaskExit& exit);
Result<TaskExit> from_wire(const v1::TaskExitInfo& exit);

// An exit is carried exactly when the state is "exited".
v1::TaskStatus to_wire(const TaskStatus& status);
Result<TaskStatus> from_wire(const v1::TaskStatus& status);

// The order of one task. Its node is not carried: an order travels on the node's own stream, so
// the receiver says who it is. The context travels as the JSON of task.json.
v1::StartTaskOrder to_wire(const StartTask& order);
Result<StartTask> from_wire(const v1::StartTaskOrder& order, const NodeId& node);

// What an agent says first. `host` is empty when peers are to dial what the coordinator sees.
struct Registration {
  NodeId node;
  std::string host;
  std::string version;
  NodeResources resources;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskStatus> tasks;
  std::uint32_t api = kApi;

  friend bool operator==(const Registration&, const Registration&) = default;
};
v1::Registration to_wire(const Registration& registration);
Result<Registration> from_wire(const v1::Registration& registration);

struct Heartbeat {
  std::uint64_t session = 0;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskStatus> tasks;

  friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
v1::Heartbeat to_wire(const Heartbeat& heartbeat);
Result<Heartbeat> from_wire(const v1::Heartbeat& heartbeat);

// What a worker's report says, without who handed it on. The worker's last word on its own failure
// is for its agent, which puts it into the task's exit.
struct ReportContents {
  TaskId task;
  std::uint64_t number = 0;
  std::optional<Progress> progress;
  std::vector<MetricPoint> metrics;
  std::optional<Checkpoint> checkpoint;

  friend bool operator==(const ReportContents&, const ReportContents&) = default;
};
v1::TaskReport to_wire(const ReportContents& report);
Result<ReportContents> from_wire(const v1::TaskReport& report);

}  // namespace dl::runtime::wire
