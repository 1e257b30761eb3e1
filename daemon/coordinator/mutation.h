// Every way in which the state can change. The journal is a sequence of these; recovery applies
// them again, so a mutation says what happened, with every choice already made.
//
// A new kind goes at the end of `Mutation`, with its case in apply.cpp, its description below and
// its word in daemon/runtime/journal/codec.cpp: CONTRIBUTING.md has the checklist.

#pragma once

#include <boost/describe.hpp>
#include <variant>

#include "daemon/coordinator/event.h"
#include "daemon/coordinator/search_mutation.h"
#include "daemon/coordinator/state.h"

namespace dl::coordinator {

struct JobSubmitted {
  JobId job;
  Timestamp at{};
  std::string user;
  SpecDocument document;
  std::string idempotency_key;
  std::uint64_t document_hash = 0;
};

// A stop was asked for, or has become more severe.
struct JobStopping {
  JobId job;
  Timestamp at{};
  StopReason reason = StopReason::kNone;
};

// Reached succeeded, failed or cancelled; leaves the state for the database.
struct JobEnded {
  JobId job;
  JobState state = JobState::kSucceeded;
  Timestamp at{};
  std::optional<Failure> failure;
};

// A gang got its slots and ports; its tasks are being started.
struct AttemptPlaced {
  AttemptId attempt;
  Timestamp at{};
  std::string secret;
  std::vector<Task> tasks;
  std::uint64_t next_seed = 0;
};

// Its tasks are told to stop; with `kCompleted` those that only served the others.
struct AttemptStopping {
  AttemptId attempt;
  Timestamp at{};
  StopReason reason = StopReason::kNone;
  std::optional<Failure> failure;  // Kept if it is the first.
};

// A better explanation of why the attempt failed has come in.
struct AttemptBlamed {
  AttemptId attempt;
  Failure failure;
};

// All tasks are gone. `outcome` says what becomes of the trial: kQueued is a restart.
struct AttemptEnded {
  AttemptId attempt;
  Timestamp at{};
  TrialState outcome = TrialState::kSucceeded;
  std::optional<Failure> failure;
  Timestamp eligible{};  // Of the restart.
};

// The trial's time has come: it takes its place in the queue.
struct BackoffEnded {
  TrialId trial;
};

struct TaskUpdated {
  TaskId task;
  Timestamp at{};
  TaskState state = TaskState::kRunning;
  std::uint32_t pid = 0;
  std::optional<TaskExit> exit;
};

// From a task's report: progress, last values, checkpoint.
struct TrialReported {
  TaskId task;
  std::uint64_t number = 0;
  std::optional<Progress> progress;
  std::vector<MetricPoint> metrics;
  std::optional<Checkpoint> checkpoint;
};

struct NodeConnected {
  NodeId node;
  Timestamp at{};
  std::uint64_t session = 0;
  std::string host;
  std::string agent_version;
  NodeResources resources;
  std::vector<std::uint16_t> free_ports;
  std::vector<TaskId> foreign;
};

struct NodePortsOffered {
  NodeId node;
  std::vector<std::uint16_t> free_ports;  // Replaces what was free.
};

// Which of its live tasks no live attempt owns. Replaces what was known.
struct NodeForeignTasks {
  NodeId node;
  std::vector<TaskId> tasks;
};

struct NodeStateChanged {
  NodeId node;
  NodeState state = NodeState::kReady;
  Timestamp at{};
};

struct NodeDrained {
  NodeId node;
  bool drain = true;
  std::string reason;
  Timestamp at{};
};

// Idempotency keys older than 24 h.
struct SubmissionsExpired {
  Timestamp before{};
};

// The cluster's first start.
struct SeedDrawn {
  std::uint64_t seed = 0;
};

// The head of the queue has to wait, or has no longer to.
struct QueueBlocked {
  std::optional<TrialId> trial;
};

using Mutation =
    std::variant<JobSubmitted, JobStopping, JobEnded, AttemptPlaced, AttemptStopping, AttemptBlamed,
                 AttemptEnded, TaskUpdated, TrialReported, NodeConnected, NodePortsOffered,
                 NodeStateChanged, NodeDrained, SubmissionsExpired, BackoffEnded, NodeForeignTasks,
                 SeedDrawn, QueueBlocked, TrialCreated, TrialResumed, ObjectivesIncomplete,
                 TrialMeasured, TrialJudged, TrialEnded, SearchPaused, SearchResumed,
                 SearchExtended, SearchOver>;

// What the journal keeps of each: a field that is not named here is lost by a restart.
BOOST_DESCRIBE_STRUCT(JobSubmitted, (), (job, at, user, document, idempotency_key, document_hash))
BOOST_DESCRIBE_STRUCT(JobStopping, (), (job, at, reason))
BOOST_DESCRIBE_STRUCT(JobEnded, (), (job, state, at, failure))
BOOST_DESCRIBE_STRUCT(AttemptPlaced, (), (attempt, at, secret, tasks, next_seed))
BOOST_DESCRIBE_STRUCT(AttemptStopping, (), (attempt, at, reason, failure))
BOOST_DESCRIBE_STRUCT(AttemptBlamed, (), (attempt, failure))
BOOST_DESCRIBE_STRUCT(AttemptEnded, (), (attempt, at, outcome, failure, eligible))
BOOST_DESCRIBE_STRUCT(BackoffEnded, (), (trial))
BOOST_DESCRIBE_STRUCT(TaskUpdated, (), (task, at, state, pid, exit))
BOOST_DESCRIBE_STRUCT(TrialReported, (), (task, number, progress, metrics, checkpoint))
BOOST_DESCRIBE_STRUCT(NodeConnected, (),
                      (node, at, session, host, agent_version, resources, free_ports, foreign))
BOOST_DESCRIBE_STRUCT(NodePortsOffered, (), (node, free_ports))
BOOST_DESCRIBE_STRUCT(NodeForeignTasks, (), (node, tasks))
BOOST_DESCRIBE_STRUCT(NodeStateChanged, (), (node, state, at))
BOOST_DESCRIBE_STRUCT(NodeDrained, (), (node, drain, reason, at))
BOOST_DESCRIBE_STRUCT(SubmissionsExpired, (), (before))
BOOST_DESCRIBE_STRUCT(SeedDrawn, (), (seed))
BOOST_DESCRIBE_STRUCT(QueueBlocked, (), (trial))

}  // namespace dl::coordinator
