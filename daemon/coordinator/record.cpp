#include "daemon/coordinator/record.h"

#include <algorithm>
#include <set>

#include "base/assert.h"
#include "daemon/coordinator/apply.h"
#include "daemon/coordinator/lookup.h"

namespace dl::coordinator {
namespace {

std::string exit_text(const TaskExit& exit) {
  if (!exit.message.empty()) return exit.message;
  if (exit.signal != 0) return "ended by signal " + std::to_string(exit.signal);
  return "exited with status " + std::to_string(exit.code);
}

std::string failure_text(const Failure& failure) {
  return std::string(to_string(failure.kind)) + ": " + failure.message;
}

std::string nodes_text(const std::vector<Task>& tasks) {
  std::set<NodeId> nodes;
  for (const auto& task : tasks) nodes.insert(task.slots.node);
  std::string text = std::to_string(tasks.size()) + (tasks.size() == 1 ? " task on" : " tasks on");
  for (const auto& node : nodes) text += (node == *nodes.begin() ? " " : ", ") + node;
  return text;
}

std::string checkpoint_text(const Checkpoint& checkpoint) {
  return checkpoint.path + " after epoch " + std::to_string(checkpoint.epoch) + ", step " +
         std::to_string(checkpoint.step);
}

// The last of its gang to be seen running.
bool completes_start(const Attempt& attempt, const Task& task, const TaskUpdated& m) {
  return attempt.state == AttemptState::kStarting && task.state == TaskState::kStarting &&
         m.state == TaskState::kRunning &&
         std::count_if(attempt.tasks.begin(), attempt.tasks.end(),
                       [](const Task& t) { return t.state == TaskState::kStarting; }) == 1;
}

class Recorder {
 public:
  Recorder(Records& records, const State& before, Timestamp now)
      : records_(records), before_(before), now_(now) {}

  void operator()(const JobSubmitted& m) {
    const std::string by = m.user.empty() ? "" : " by " + m.user;
    event(m.job, "submitted", to_string(m.job),
          "job " + to_string(m.job) + " (" + m.document.parsed->name + ") was submitted" + by);
  }

  void operator()(const JobStopping& m) {
    event(m.job, "stopping", to_string(m.job),
          m.reason == StopReason::kKilled ? "asked to stop at once" : "asked to stop");
  }

  void operator()(const JobEnded& m) {
    const Job* job = find_job(before_, m.job);
    DL_ASSERT(job != nullptr, "a live job ends");
    std::string text(to_string(m.state));
    if (job->started) text += " after " + to_short_string(m.at - *job->started);
    if (m.failure) text += ": " + failure_text(*m.failure);
    event(m.job, "ended", to_string(m.job), std::move(text));
    records_.finished.push_back(ended_job(*job, m));
  }

  void operator()(const AttemptPlaced& m) {
    event(m.attempt.job, "placed", to_string(m.attempt), nodes_text(m.tasks));
  }

  void operator()(const AttemptStopping& m) {
    if (m.failure) {
      event(m.attempt.job, "stopping", to_string(m.attempt), failure_text(*m.failure));
    } else if (m.reason == StopReason::kCompleted) {
      event(m.attempt.job, "stopping", to_string(m.attempt), "the workers are done");
    }
  }

  void operator()(const AttemptBlamed& m) {
    event(m.attempt.job, "blamed", to_string(m.attempt), failure_text(m.failure));
  }

  void operator()(const AttemptEnded& m) {
    if (m.outcome != TrialState::kQueued) return;
    const Trial* trial = find_trial(before_, m.attempt.trial_id());
    std::string text = "starts again";
    if (m.eligible > now_) text += " in " + to_short_string(m.eligible - now_);
    text += trial->checkpoint ? " from " + checkpoint_text(*trial->checkpoint) : " from nothing";
    if (m.failure) text += "; " + failure_text(*m.failure);
    event(m.attempt.job, "restart", to_string(m.attempt), std::move(text));
  }

  void operator()(const TaskUpdated& m) {
    const Attempt* attempt = find_attempt(before_, m.task.attempt);
    const Task* task = find_task(before_, m.task);
    if (m.exit) {
      event(m.task.attempt.job, "exited", to_string(m.task),
            exit_text(*m.exit) + " on " + task->slots.node);
    } else if (completes_start(*attempt, *task, m)) {
      event(m.task.attempt.job, "running", to_string(m.task.attempt), "all tasks run");
    }
  }

  void operator()(const TrialReported& m) {
    if (m.checkpoint) {
      event(m.task.attempt.job, "checkpoint", to_string(m.task.attempt),
            checkpoint_text(*m.checkpoint));
    }
    for (const auto& point : m.metrics) {
      records_.metrics.push_back(
          {.trial = m.task.attempt.trial_id(), .attempt = m.task.attempt.attempt, .point = point});
      Timestamp& time = records_.metrics.back().point.time;
      if (time == Timestamp{}) time = now_;
    }
  }

  // What happens to nodes and to the queue is no job's story.
  template <class Other>
  void operator()(const Other&) {}

 private:
  void event(JobId job, std::string type, std::string subject, std::string message) {
    records_.events.push_back({.job = job,
                               .at = now_,
                               .type = std::move(type),
                               .subject = std::move(subject),
                               .message = std::move(message)});
  }

  Records& records_;
  const State& before_;
  Timestamp now_;
};

}  // namespace

void record(Records& records, const State& before, const Mutation& mutation, Timestamp now) {
  std::visit(Recorder(records, before, now), mutation);
}

}  // namespace dl::coordinator
