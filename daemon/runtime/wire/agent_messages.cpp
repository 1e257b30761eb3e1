#include "daemon/runtime/wire/agent_messages.h"

#include <limits>

namespace dl::runtime::wire {
namespace {

using google::protobuf::RepeatedField;
using google::protobuf::RepeatedPtrField;

Error bad_field(std::string_view field, std::string_view value) {
  return invalid_argument(std::string(field) + " is \"" + std::string(value) +
                          "\", which this version does not know; upgrade the older side");
}

std::vector<v1::TaskStatus> all_to_wire(const std::vector<TaskStatus>& tasks) {
  std::vector<v1::TaskStatus> wired;
  wired.reserve(tasks.size());
  for (const TaskStatus& task : tasks) wired.push_back(to_wire(task));
  return wired;
}

Result<std::vector<TaskStatus>> tasks_from_wire(const RepeatedPtrField<v1::TaskStatus>& wired) {
  std::vector<TaskStatus> tasks;
  tasks.reserve(static_cast<std::size_t>(wired.size()));
  for (const v1::TaskStatus& task : wired) {
    DL_TRY(auto status, from_wire(task));
    tasks.push_back(std::move(status));
  }
  return tasks;
}

Result<std::vector<std::uint16_t>> ports_from_wire(const RepeatedField<std::uint32_t>& wired) {
  std::vector<std::uint16_t> ports;
  ports.reserve(static_cast<std::size_t>(wired.size()));
  for (const std::uint32_t port : wired) {
    if (port == 0 || port > std::numeric_limits<std::uint16_t>::max()) {
      return invalid_argument("port " + std::to_string(port) + " is not in 1 to 65535");
    }
    ports.push_back(static_cast<std::uint16_t>(port));
  }
  return ports;
}

template <class Message>
void set_tasks(Message& message, const std::vector<TaskStatus>& tasks) {
  for (v1::TaskStatus& status : all_to_wire(tasks)) *message.add_tasks() = std::move(status);
}

NodeResources resources_from_wire(const v1::Registration& wired) {
  NodeResources resources{wired.cpus(), wired.memory_bytes(), {}};
  for (const v1::GpuInfo& gpu : wired.gpus()) {
    resources.gpus.push_back({gpu.index(), gpu.uuid(), gpu.name(), gpu.memory_bytes()});
  }
  return resources;
}

}  // namespace

v1::TaskRef to_wire(const TaskId& id) {
  v1::TaskRef ref;
  ref.set_job(id.attempt.job.value);
  ref.set_trial(id.attempt.trial);
  ref.set_attempt(id.attempt.attempt);
  ref.set_role(std::string(to_string(id.role)));
  ref.set_index(id.index);
  return ref;
}

Result<TaskId> from_wire(const v1::TaskRef& ref) {
  const auto role = role_from_string(ref.role());
  if (!role) return bad_field("task.role", ref.role());
  return TaskId{{JobId{ref.job()}, ref.trial(), ref.attempt()}, *role, ref.index()};
}

v1::TaskExitInfo to_wire(const TaskExit& exit) {
  v1::TaskExitInfo info;
  info.set_code(exit.code);
  info.set_signal(exit.signal);
  if (exit.kind) info.set_kind(std::string(to_string(*exit.kind)));
  info.set_message(exit.message);
  return info;
}

Result<TaskExit> from_wire(const v1::TaskExitInfo& info) {
  TaskExit exit{info.code(), info.signal(), std::nullopt, info.message()};
  if (!info.kind().empty()) {
    exit.kind = failure_kind_from_string(info.kind());
    if (!exit.kind) return bad_field("exit.kind", info.kind());
  }
  return exit;
}

v1::TaskStatus to_wire(const TaskStatus& status) {
  v1::TaskStatus wired;
  *wired.mutable_task() = to_wire(status.id);
  wired.set_state(std::string(to_string(status.state)));
  wired.set_pid(status.pid);
  if (status.exit) *wired.mutable_exit() = to_wire(*status.exit);
  return wired;
}

Result<TaskStatus> from_wire(const v1::TaskStatus& wired) {
  TaskStatus status;
  DL_TRY(status.id, from_wire(wired.task()));
  const auto state = task_state_from_string(wired.state());
  if (!state) return bad_field("task.state", wired.state());
  status.state = *state;
  status.pid = wired.pid();
  if (wired.has_exit()) {
    DL_TRY(status.exit, from_wire(wired.exit()));
  }
  if (status.exit.has_value() != (status.state == TaskState::kExited)) {
    return invalid_argument("task " + to_string(status.id) + " is " + wired.state() +
                            (status.exit ? " and yet has an exit" : " and yet has no exit"));
  }
  return status;
}

v1::StartTaskOrder to_wire(const StartTask& order) {
  v1::StartTaskOrder wired;
  *wired.mutable_task() = to_wire(order.context.task);
  wired.set_context(to_json(order.context));
  wired.mutable_gpu_indexes()->Add(order.slots.gpu_indexes.begin(), order.slots.gpu_indexes.end());
  for (const std::string& uuid : order.gpu_uuids) wired.add_gpu_uuids(uuid);
  wired.set_cpus(order.slots.cpus);
  wired.set_memory_bytes(order.slots.memory_bytes);
  wired.mutable_ports()->Add(order.ports.begin(), order.ports.end());
  wired.set_builtin(order.builtin);
  wired.set_warm(order.warm);
  wired.set_command(order.command);
  wired.set_workdir(order.workdir);
  wired.mutable_env()->insert(order.env.begin(), order.env.end());
  wired.set_grace_ms(static_cast<std::uint32_t>(order.grace.count()));
  return wired;
}

Result<StartTask> from_wire(const v1::StartTaskOrder& wired, const NodeId& node) {
  StartTask order;
  order.node = node;
  DL_TRY(order.context, task_context_from_json(wired.context()));
  DL_TRY(const TaskId id, from_wire(wired.task()));
  if (id != order.context.task) {
    return invalid_argument("the order for task " + to_string(id) + " has the context of task " +
                            to_string(order.context.task));
  }
  order.slots = {node,
                 {wired.gpu_indexes().begin(), wired.gpu_indexes().end()},
                 wired.cpus(),
                 wired.memory_bytes()};
  order.gpu_uuids.assign(wired.gpu_uuids().begin(), wired.gpu_uuids().end());
  DL_TRY(order.ports, ports_from_wire(wired.ports()));
  order.builtin = wired.builtin();
  order.warm = wired.warm();
  order.command = wired.command();
  order.workdir = wired.workdir();
  order.env.insert(wired.env().begin(), wired.env().end());
  order.grace = std::chrono::milliseconds(wired.grace_ms());
  return order;
}

v1::Registration to_wire(const Registration& registration) {
  v1::Registration wired;
  wired.set_node(registration.node);
  wired.set_host(registration.host);
  wired.set_version(registration.version);
  wired.set_cpus(registration.resources.cpus);
  wired.set_memory_bytes(registration.resources.memory_bytes);
  for (const Gpu& gpu : registration.resources.gpus) {
    v1::GpuInfo& info = *wired.add_gpus();
    info.set_index(gpu.index);
    info.set_uuid(gpu.uuid);
    info.set_name(gpu.name);
    info.set_memory_bytes(gpu.memory_bytes);
  }
  wired.mutable_free_ports()->Add(registration.free_ports.begin(), registration.free_ports.end());
  set_tasks(wired, registration.tasks);
  wired.set_api(registration.api);
  return wired;
}

Result<Registration> from_wire(const v1::Registration& wired) {
  if (!is_valid_node_id(wired.node())) {
    return invalid_argument("\"" + wired.node() +
                            "\" is not a node's name; use lower-case letters, digits, '-' and '.', "
                            "at most 63, as in gpu-07");
  }
  Registration registration;
  registration.node = wired.node();
  registration.host = wired.host();
  registration.version = wired.version();
  registration.resources = resources_from_wire(wired);
  DL_TRY(registration.free_ports, ports_from_wire(wired.free_ports()));
  DL_TRY(registration.tasks, tasks_from_wire(wired.tasks()));
  registration.api = wired.api();
  return registration;
}

v1::Heartbeat to_wire(const Heartbeat& heartbeat) {
  v1::Heartbeat wired;
  wired.set_session(heartbeat.session);
  wired.mutable_free_ports()->Add(heartbeat.free_ports.begin(), heartbeat.free_ports.end());
  set_tasks(wired, heartbeat.tasks);
  return wired;
}

Result<Heartbeat> from_wire(const v1::Heartbeat& wired) {
  Heartbeat heartbeat;
  heartbeat.session = wired.session();
  DL_TRY(heartbeat.free_ports, ports_from_wire(wired.free_ports()));
  DL_TRY(heartbeat.tasks, tasks_from_wire(wired.tasks()));
  return heartbeat;
}

v1::TaskReport to_wire(const ReportContents& report) {
  v1::TaskReport wired;
  *wired.mutable_task() = to_wire(report.task);
  wired.set_number(report.number);
  if (report.progress) {
    wired.set_has_progress(true);
    wired.set_epoch(report.progress->epoch);
    wired.set_epochs(report.progress->epochs);
    wired.set_step(report.progress->step);
    wired.set_steps(report.progress->steps);
    wired.set_samples_per_second(report.progress->samples_per_second);
    wired.set_loss(report.progress->loss);
  }
  for (const MetricPoint& point : report.metrics) {
    v1::ReportedMetric& metric = *wired.add_metrics();
    metric.set_name(point.name);
    metric.set_step(point.step);
    metric.set_value(point.value);
    metric.set_time_us(point.time.time_since_epoch().count());
  }
  if (report.checkpoint) {
    wired.set_has_checkpoint(true);
    wired.set_checkpoint_path(report.checkpoint->path);
    wired.set_checkpoint_step(report.checkpoint->step);
    wired.set_checkpoint_epoch(report.checkpoint->epoch);
  }
  return wired;
}

Result<ReportContents> from_wire(const v1::TaskReport& wired) {
  ReportContents report;
  DL_TRY(report.task, from_wire(wired.task()));
  report.number = wired.number();
  if (wired.has_progress()) {
    report.progress = Progress{
        wired.epoch(), wired.epochs(), wired.step(), wired.steps(), wired.samples_per_second(),
        wired.loss()};
  }
  for (const v1::ReportedMetric& metric : wired.metrics()) {
    report.metrics.push_back(
        {metric.name(), metric.step(), metric.value(), Timestamp(Duration(metric.time_us()))});
  }
  if (wired.has_checkpoint()) {
    report.checkpoint =
        Checkpoint{wired.checkpoint_path(), wired.checkpoint_step(), wired.checkpoint_epoch()};
  }
  return report;
}

}  // namespace dl::runtime::wire
