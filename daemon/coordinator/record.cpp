#include "daemon/coordinator/record.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>

#include "base/assert.h"
#include "daemon/coordinator/apply.h"
#include "daemon/coordinator/derived.h"
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

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6g", value);
  return text.data();
}

std::string assignment_text(const Assignment& assignment) {
  std::string text;
  for (const auto& [name, value] : assignment) {
    const auto* number = std::get_if<double>(&value);
    text += (text.empty() ? "" : ", ") + name + " " +
            (number != nullptr ? number_text(*number) : dl::to_string(value));
  }
  return text;
}

// "validation.accuracy 0.91 after 3 epochs"
std::string measured_text(const SearchSpec& search, const Measured& measured) {
  std::string text;
  for (std::size_t i = 0; i < search.objectives.size(); ++i) {
    text +=
        (i == 0 ? "" : ", ") + search.objectives[i].metric + " " + number_text(measured.values[i]);
  }
  const std::string unit = search.halving.resource;
  return text + " after " + std::to_string(measured.resource) + " " +
         (measured.resource == 1 ? unit.substr(0, unit.size() - 1) : unit);
}

// Whether a search's trial that ends now is better than all that have ended.
bool is_best(const Job& job, const Trial& trial) {
  const SearchSpec& search = *job.document.parsed->search;
  const auto best = searcher_of(job).best();
  if (best.empty()) return true;
  const double sign = search.objectives.front().maximizes() ? -1 : 1;
  const double so_far = job.trials.at(best.front()).measured->values.front();
  return search.objectives.size() == 1 && sign * trial.measured->values.front() < sign * so_far;
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
    const Trial* trial = find_trial(before_, m.attempt.trial_id());
    if (m.outcome != TrialState::kQueued) return trial_ended(m, *trial);
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

  // --- searches --------------------------------------------------------------------------------

  void operator()(const TrialCreated& m) {
    const std::string from = m.from == 0 ? "" : "from trial " + std::to_string(m.from) + " with ";
    about(m.trial, "trial", from + assignment_text(m.assignment));
  }

  void operator()(const TrialResumed& m) {
    const Trial* trial = find_trial(before_, m.trial);
    about(m.trial, "resumed",
          trial->checkpoint ? "from " + checkpoint_text(*trial->checkpoint)
                            : "from nothing, for it left no checkpoint");
  }

  void operator()(const TrialMeasured& m) {
    about(m.trial, "measured", measured_text(search_of(m.trial.job), m.measured));
  }

  void operator()(const TrialJudged& m) {
    about(m.trial, m.verdict == TrialVerdict::kPause ? "paused" : "stopped", m.why);
  }

  void operator()(const TrialEnded& m) {
    if (m.failure) {
      about(m.trial, "failed", failure_text(*m.failure));
    } else {
      about(m.trial, "dropped", m.why);
    }
  }

  void operator()(const SearchPaused& m) {
    const std::string by = m.user.empty() ? "" : " by " + m.user;
    event(m.job, "search", to_string(m.job), "paused" + by + ": no more trials start");
  }
  void operator()(const SearchResumed& m) {
    event(m.job, "search", to_string(m.job), "trials start again");
  }
  void operator()(const SearchExtended& m) {
    event(m.job, "search", to_string(m.job),
          "up to " + std::to_string(m.max_trials) + " trials now, " +
              std::to_string(m.max_parallel) + " at once");
  }
  void operator()(const SearchOver& m) {
    event(m.job, "search", to_string(m.job), "no more trials: " + m.why);
  }

  // What happens to nodes and to the queue is no job's story.
  template <class Other>
  void operator()(const Other&) {}

 private:
  const SearchSpec& search_of(JobId job) const {
    return *find_job(before_, job)->document.parsed->search;
  }

  void about(const TrialId& trial, std::string type, std::string message) {
    event(trial.job, std::move(type), to_string(trial), std::move(message));
  }

  // Of a search; another job's trial ends with it.
  void trial_ended(const AttemptEnded& m, const Trial& trial) {
    const Job* job = find_job(before_, m.attempt.job);
    if (!job->search) return;
    const TrialId id = m.attempt.trial_id();
    if (m.failure) {
      about(id, "failed", failure_text(*m.failure));
    } else if (m.outcome == TrialState::kSucceeded) {
      const std::string text = measured_text(search_of(id.job), *trial.measured);
      const bool best = is_best(*job, trial);
      about(id, best ? "best" : "result", best ? text + ", the best so far" : text);
    }
  }

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
