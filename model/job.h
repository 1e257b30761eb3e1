// The nouns of a job, from what a user submits down to one process.
//
//   job 42  →  trial 42.3  →  attempt 42.3.2  →  task 42.3.2/worker:0
//
// docs/state-machines.md draws how each of them moves from state to state.

#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace dl {

// Severity grows downwards from kSucceeded on: a stop only gets more severe.
enum class JobState : std::uint8_t {
  kQueued,
  kRunning,
  kStopping,
  kSucceeded,
  kFailed,
  kCancelled
};
enum class TrialState : std::uint8_t {
  kQueued,   // Waits for slots, or for its back-off to end.
  kRunning,  // Has a live attempt.
  kPaused,   // Its search may take it up again where it was; holds nothing.
  kSucceeded,
  kStopped,  // By its search, before its end.
  kFailed,
  kCancelled,
};
enum class AttemptState : std::uint8_t { kStarting, kRunning, kStopping, kEnded };
enum class TaskState : std::uint8_t {
  kStarting,  // Ordered from the agent; its process may or may not exist yet.
  kRunning,   // The agent has seen its process.
  kStopping,  // Told to stop.
  kExited,    // Its whole process tree is gone; its slots are free.
};

// Why an attempt is being stopped. Later ones override earlier ones, never the reverse.
enum class StopReason : std::uint8_t {
  kNone,
  kCompleted,
  kPaused,  // By its search, which may take the trial up again.
  kPruned,  // By its search: the trial is over.
  kPreempted,
  kFailed,
  kCancelled,
  kKilled
};

// Who is to blame for a failure. Each kind has a retry budget of its own.
enum class FailureKind : std::uint8_t {
  kSpec,            // The document asks for something impossible.
  kUserCode,        // The task's program failed.
  kOutOfMemory,     // The kernel or CUDA had no memory left for the task.
  kNodeLost,        // The node went away with its tasks.
  kPreempted,       // Gave way to somebody else.
  kCommunication,   // A rank could not reach another.
  kInfrastructure,  // The cluster's own fault: full disk, killed from outside, …
};
inline constexpr std::size_t kFailureKinds = 7;

enum class Role : std::uint8_t { kChief, kWorker, kPs, kEvaluator };

// The words used in YAML, REST and tables: "queued", "out_of_memory", "ps", ….
std::string_view to_string(JobState);
std::string_view to_string(TrialState);
std::string_view to_string(AttemptState);
std::string_view to_string(TaskState);
std::string_view to_string(StopReason);
std::string_view to_string(FailureKind);
std::string_view to_string(Role);
std::optional<Role> role_from_string(std::string_view word);
std::optional<JobState> job_state_from_string(std::string_view word);
std::optional<TaskState> task_state_from_string(std::string_view word);
std::optional<FailureKind> failure_kind_from_string(std::string_view word);

constexpr bool is_terminal(JobState s) { return s >= JobState::kSucceeded; }
constexpr bool is_terminal(TrialState s) { return s >= TrialState::kSucceeded; }

struct TrialId {
  JobId job;
  std::uint32_t trial = 1;

  friend auto operator<=>(const TrialId&, const TrialId&) = default;
};

// Its `attempt` number is a fence: what an older attempt says is refused.
struct AttemptId {
  JobId job;
  std::uint32_t trial = 1;
  std::uint32_t attempt = 1;

  TrialId trial_id() const { return {job, trial}; }
  friend auto operator<=>(const AttemptId&, const AttemptId&) = default;
};

struct TaskId {
  AttemptId attempt;
  Role role = Role::kWorker;
  std::uint32_t index = 0;

  friend auto operator<=>(const TaskId&, const TaskId&) = default;
};

std::string to_string(const TrialId& id);    // "42.3"
std::string to_string(const AttemptId& id);  // "42.3.2"
std::string to_string(const TaskId& id);     // "42.3.2/worker:0"

// Inverse of to_string. kInvalidArgument names the text.
Result<TaskId> task_id_from_string(std::string_view text);

// How a task's process ended.
struct TaskExit {
  std::int32_t code = 0;    // Exit status, when `signal` is 0.
  std::int32_t signal = 0;  // The signal that ended it, or 0.
  // What the task, its supervisor or its agent says of the cause. Absent when it succeeded, and
  // when nobody knew better than the exit status.
  std::optional<FailureKind> kind;
  std::string message;

  bool ok() const { return code == 0 && signal == 0 && !kind; }
  friend bool operator==(const TaskExit&, const TaskExit&) = default;
};

// A failure as it is shown: whose fault, which task, the cause and the next step.
struct Failure {
  FailureKind kind = FailureKind::kInfrastructure;
  std::string task;  // "worker:1", or empty when no task is to blame.
  std::string message;

  friend bool operator==(const Failure&, const Failure&) = default;
};

// How far a trial is, by its own account.
struct Progress {
  std::uint32_t epoch = 0;        // Epochs completed.
  std::uint32_t epochs = 0;       // Epochs to do; 0 when unknown.
  std::uint64_t step = 0;         // Optimizer steps completed, over all epochs.
  std::uint64_t steps = 0;        // Steps to do; 0 when unknown.
  double samples_per_second = 0;  // Over all workers.
  double loss = 0;                // Of the last step reported, mean over the global batch.

  friend bool operator==(const Progress&, const Progress&) = default;
};

// A checkpoint the worker has written and synced.
struct Checkpoint {
  std::string path;  // Directory-relative name, unique within the trial.
  std::uint64_t step = 0;
  std::uint32_t epoch = 0;

  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

// One value of one named metric ("train.loss", "validation.accuracy").
struct MetricPoint {
  std::string name;
  std::uint64_t step = 0;
  double value = 0;
  Timestamp time{};

  friend bool operator==(const MetricPoint&, const MetricPoint&) = default;
};

}  // namespace dl

namespace dl {
// The journal's codec walks structs by these descriptions (daemon/runtime/journal).
BOOST_DESCRIBE_ENUM(JobState, kQueued, kRunning, kStopping, kSucceeded, kFailed, kCancelled)
BOOST_DESCRIBE_ENUM(TrialState, kQueued, kRunning, kPaused, kSucceeded, kStopped, kFailed,
                    kCancelled)
BOOST_DESCRIBE_ENUM(AttemptState, kStarting, kRunning, kStopping, kEnded)
BOOST_DESCRIBE_ENUM(TaskState, kStarting, kRunning, kStopping, kExited)
BOOST_DESCRIBE_ENUM(StopReason, kNone, kCompleted, kPaused, kPruned, kPreempted, kFailed,
                    kCancelled, kKilled)
BOOST_DESCRIBE_ENUM(FailureKind, kSpec, kUserCode, kOutOfMemory, kNodeLost, kPreempted,
                    kCommunication, kInfrastructure)
BOOST_DESCRIBE_ENUM(Role, kChief, kWorker, kPs, kEvaluator)
BOOST_DESCRIBE_STRUCT(TrialId, (), (job, trial))
BOOST_DESCRIBE_STRUCT(AttemptId, (), (job, trial, attempt))
BOOST_DESCRIBE_STRUCT(TaskId, (), (attempt, role, index))
BOOST_DESCRIBE_STRUCT(TaskExit, (), (code, signal, kind, message))
BOOST_DESCRIBE_STRUCT(Failure, (), (kind, task, message))
BOOST_DESCRIBE_STRUCT(Progress, (), (epoch, epochs, step, steps, samples_per_second, loss))
BOOST_DESCRIBE_STRUCT(Checkpoint, (), (path, step, epoch))
BOOST_DESCRIBE_STRUCT(MetricPoint, (), (name, step, value, time))
}  // namespace dl
