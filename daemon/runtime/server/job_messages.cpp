#include "daemon/runtime/server/job_messages.h"

#include <google/protobuf/util/time_util.h>

#include "daemon/runtime/server/search_messages.h"
#include "model/spec/parse.h"

namespace dl::runtime::server {
namespace {

v1::Task task_message(const AttemptId& attempt, const coordinator::Task& task,
                      const std::map<NodeId, std::string>& hosts) {
  v1::Task message;
  message.set_id(to_string(TaskId{attempt, task.role, task.index}));
  message.set_role(std::string(to_string(task.role)));
  message.set_index(task.index);
  message.set_rank(task.rank);
  message.set_state(std::string(to_string(task.state)));
  message.set_node(task.slots.node);
  const auto host = hosts.find(task.slots.node);
  if (host != hosts.end() && !task.ports.empty()) {
    message.set_address(host->second + ":" + std::to_string(task.ports.front()));
  }
  message.mutable_gpus()->Add(task.slots.gpu_indexes.begin(), task.slots.gpu_indexes.end());
  message.set_cpus(task.slots.cpus);
  message.set_pid(task.pid);
  if (task.exit) {
    message.set_exit_code(task.exit->code);
    message.set_exit_signal(task.exit->signal);
    message.set_exit_message(task.exit->message);
  }
  return message;
}

v1::Attempt attempt_message(const TrialId& trial, const coordinator::Attempt& attempt,
                            const std::map<NodeId, std::string>& hosts) {
  v1::Attempt message;
  message.set_number(attempt.number);
  message.set_state(std::string(to_string(attempt.state)));
  *message.mutable_start_time() = to_message(attempt.started);
  for (const coordinator::Task& task : attempt.tasks) {
    *message.add_tasks() = task_message({trial.job, trial.trial, attempt.number}, task, hosts);
  }
  return message;
}

v1::Trial trial_message(const JobView& view, const coordinator::Trial& trial, JobDetail detail) {
  v1::Trial message;
  message.set_number(trial.number);
  message.set_state(std::string(to_string(trial.state)));
  message.set_attempts(trial.attempts);
  if (trial.attempt && detail == JobDetail::kFull) {
    *message.mutable_attempt() =
        attempt_message(TrialId{view.job.id, trial.number}, *trial.attempt, view.hosts);
  }
  *message.mutable_progress() =
      to_message(trial.progress, view.job.document.parsed->train.batch_size);
  if (is_terminal(trial.state)) message.mutable_progress()->set_eta_seconds(0);
  if (trial.checkpoint) *message.mutable_checkpoint() = to_message(*trial.checkpoint);
  message.mutable_metrics()->insert(trial.metrics.begin(), trial.metrics.end());
  if (trial.last_failure) *message.mutable_last_failure() = to_message(*trial.last_failure);
  if (trial.state == TrialState::kQueued && trial.eligible != Timestamp{}) {
    *message.mutable_eligible_time() = to_message(trial.eligible);
  }
  return message;
}

// What its tasks hold now: those that have not exited.
void count_slots(const coordinator::Job& job, v1::Job& message) {
  std::uint32_t gpus = 0;
  std::uint32_t cpus = 0;
  for (const auto& [number, trial] : job.trials) {
    if (!trial.attempt || trial.attempt->state == AttemptState::kEnded) continue;
    for (const coordinator::Task& task : trial.attempt->tasks) {
      if (task.state == TaskState::kExited) continue;
      gpus += static_cast<std::uint32_t>(task.slots.gpu_indexes.size());
      cpus += task.slots.cpus;
    }
  }
  message.set_gpus(gpus);
  message.set_cpus(cpus);
}

}  // namespace

// The proto's enums have "unspecified" at 0 and go on in our order.
v1::JobState to_message(JobState state) {
  return static_cast<v1::JobState>(static_cast<int>(state) + 1);
}

v1::Checkpoint to_message(const Checkpoint& checkpoint) {
  v1::Checkpoint message;
  message.set_path(checkpoint.path);
  message.set_step(checkpoint.step);
  message.set_epoch(checkpoint.epoch);
  return message;
}

google::protobuf::Timestamp to_message(Timestamp time) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(time.time_since_epoch().count());
}

std::string short_task_name(Role role, std::uint32_t index) {
  return std::string(to_string(role)) + ":" + std::to_string(index);
}

double eta_seconds(const v1::Progress& progress, std::uint32_t batch_size) {
  if (progress.samples_per_second() <= 0 || progress.steps() <= progress.step()) return 0;
  return static_cast<double>(progress.steps() - progress.step()) * batch_size /
         progress.samples_per_second();
}

v1::Progress to_message(const Progress& progress, std::uint32_t batch_size) {
  v1::Progress message;
  message.set_epoch(progress.epoch);
  message.set_epochs(progress.epochs);
  message.set_step(progress.step);
  message.set_steps(progress.steps);
  message.set_samples_per_second(progress.samples_per_second);
  message.set_loss(progress.loss);
  message.set_eta_seconds(eta_seconds(message, batch_size));
  return message;
}

v1::Failure to_message(const Failure& failure) {
  v1::Failure message;
  message.set_kind(static_cast<v1::FailureKind>(static_cast<int>(failure.kind) + 1));
  message.set_task(failure.task);
  message.set_message(failure.message);
  return message;
}

v1::Job to_message(const JobView& view, const std::string& artifact_root, JobDetail detail) {
  const coordinator::Job& job = view.job;
  v1::Job message;
  message.set_id(job.id.value);
  message.set_name(job.name);
  message.set_user(job.user);
  message.set_state(to_message(job.state));
  *message.mutable_submit_time() = to_message(job.submitted);
  if (job.started) *message.mutable_start_time() = to_message(*job.started);
  if (job.ended) *message.mutable_end_time() = to_message(*job.ended);
  if (job.failure) *message.mutable_failure() = to_message(*job.failure);
  for (const auto& [number, trial] : job.trials) {
    *message.add_trials() = trial_message(view, trial, detail);
  }
  if (detail == JobDetail::kFull) {
    message.set_document(job.document.text);
    message.set_spec(spec::to_yaml(*job.document.parsed));
  }
  message.set_why(!view.why.empty() || !job.failure ? view.why : job.failure->message);
  message.set_artifact_dir(artifact_root + "/" + to_string(job.id));
  count_slots(job, message);
  if (view.search) *message.mutable_search() = search_message(view);
  return message;
}

v1::Explanation to_message(const coordinator::Explanation& explanation) {
  v1::Explanation message;
  message.set_reason(explanation.reason);
  for (const std::string& line : explanation.evidence) message.add_evidence(line);
  message.set_next_step(explanation.next_step);
  return message;
}

v1::JobEvent to_message(const journal::StoredEvent& stored) {
  v1::JobEvent message;
  message.set_id(stored.id);
  message.set_job(stored.event.job.value);
  *message.mutable_time() = to_message(stored.event.at);
  message.set_type(stored.event.type);
  message.set_subject(stored.event.subject);
  message.set_message(stored.event.message);
  return message;
}

v1::MetricSeries to_message(const journal::MetricSeries& series) {
  v1::MetricSeries message;
  message.set_name(series.name);
  message.set_trial(series.trial);
  for (const MetricPoint& point : series.points) {
    v1::MetricPoint& each = *message.add_points();
    each.set_step(point.step);
    each.set_value(point.value);
    *each.mutable_time() = to_message(point.time);
  }
  return message;
}

v1::Node to_message(const coordinator::Node& node, const coordinator::NodeUse* use) {
  v1::Node message;
  message.set_id(node.id);
  message.set_host(node.host);
  message.set_state(std::string(to_string(node.state)));
  *message.mutable_change_time() = to_message(node.changed);
  for (const Gpu& gpu : node.resources.gpus) {
    v1::Gpu& each = *message.add_gpus();
    each.set_index(gpu.index);
    each.set_uuid(gpu.uuid);
    each.set_name(gpu.name);
    each.set_memory_bytes(gpu.memory_bytes);
    if (use == nullptr) continue;
    const auto holder = use->gpus.find(gpu.index);
    if (holder != use->gpus.end()) each.set_task(to_string(holder->second));
  }
  message.set_cpus_total(node.resources.cpus);
  message.set_memory_total_bytes(node.resources.memory_bytes);
  message.set_agent_version(node.agent_version);
  message.set_drain_reason(node.drain_reason);
  if (use == nullptr) return message;
  message.set_gpus_used(static_cast<std::uint32_t>(use->gpus.size()));
  message.set_cpus_used(use->cpus);
  message.set_memory_used_bytes(use->memory_bytes);
  for (const TaskId& task : use->tasks) message.add_tasks(to_string(task));
  return message;
}

}  // namespace dl::runtime::server
