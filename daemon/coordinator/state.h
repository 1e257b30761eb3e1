// The coordinator's state: everything that is live. Finished jobs are in the database only.
//
// Only apply() writes it. It is rebuilt after a crash by applying the journal to a snapshot, so
// two states that were given the same mutations are equal (operator==).

#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/coordinator/search_state.h"
#include "model/cluster.h"
#include "model/cluster_spec.h"
#include "model/job.h"
#include "model/job_spec.h"

namespace dl::coordinator {

// A spec as it was submitted. The parsed form is derived from the text and is not journaled.
struct SpecDocument {
  std::string text;
  std::vector<std::string> overrides;     // "train.epochs=3"
  std::shared_ptr<const JobSpec> parsed;  // Never null.

  friend bool operator==(const SpecDocument& a, const SpecDocument& b) {
    return a.text == b.text && a.overrides == b.overrides;
  }
};

struct Task {
  Role role = Role::kWorker;
  std::uint32_t index = 0;
  std::uint32_t rank = 0;
  TaskState state = TaskState::kStarting;
  SlotSet slots;
  std::vector<std::uint16_t>
      ports;              // ports[0] is its address; rank 0 has a second, the master port.
  std::uint32_t pid = 0;  // 0 until its agent has seen it.
  std::optional<TaskExit> exit;
  Timestamp ended{};          // When its exit became known.
  std::uint64_t reports = 0;  // The highest number of its reports that is on record.

  friend bool operator==(const Task&, const Task&) = default;
};

struct Attempt {
  std::uint32_t number = 1;
  AttemptState state = AttemptState::kStarting;
  StopReason stop = StopReason::kNone;
  Timestamp started{};
  Timestamp stopped{};  // When its tasks were first told to stop.
  std::string secret;
  std::vector<Task> tasks;         // Ordered by rank.
  std::optional<Failure> failure;  // The root cause, once there is one.

  friend bool operator==(const Attempt&, const Attempt&) = default;
};

struct Trial {
  std::uint32_t number = 1;
  TrialState state = TrialState::kQueued;
  Timestamp eligible{};            // Not placed before: back-off after a failure. 0: in the queue.
  std::uint32_t attempts = 0;      // Started so far; the newest has this number.
  std::optional<Attempt> attempt;  // The newest; live unless it has ended.
  std::array<std::uint32_t, kFailureKinds> failures{};  // Counted against the budgets.
  std::optional<Failure> last_failure;
  std::optional<Checkpoint> checkpoint;  // The newest.
  Progress progress;
  std::map<std::string, double> metrics;  // The last value of each.

  // --- of a search's trial ---
  Assignment assignment;
  std::uint32_t from = 0;            // Begins with this trial's newest checkpoint; 0: from nothing.
  std::optional<Measured> measured;  // The newest.
  std::optional<Incomplete> incomplete;  // Towards the next one.
  TrialVerdict verdict = TrialVerdict::kGoOn;
  std::string why;                // A sentence of the verdict.
  Timestamp started{};            // Of its first attempt.
  Timestamp ended{};              // When it was over.
  Duration ran{};                 // Over the attempts that have ended.
  Derived<Result<JobSpec>> spec;  // Its job's, with the assignment: see spec_of().

  friend bool operator==(const Trial&, const Trial&) = default;
};

struct Job {
  JobId id;
  std::string name;
  std::string user;
  SpecDocument document;
  JobState state = JobState::kQueued;
  StopReason stop = StopReason::kNone;
  Timestamp submitted{};
  std::optional<Timestamp> started;  // Of the first attempt.
  std::optional<Timestamp> ended;
  std::map<std::uint32_t, Trial> trials;  // By number.
  std::optional<Failure> failure;
  std::optional<Search> search;

  friend bool operator==(const Job&, const Job&) = default;
};

struct Node {
  NodeId id;
  std::string host;  // What peers dial to reach its tasks.
  std::string agent_version;
  NodeResources resources;
  NodeState state = NodeState::kReady;
  bool drain = false;  // Asked for by an operator; survives reconnects.
  std::string drain_reason;
  std::uint64_t session = 0;  // Of the agent's connection; messages of older sessions are refused.
  Timestamp changed{};        // Of the last change of `state`.
  std::set<std::uint16_t> free_ports;  // Offered by the agent and not given to a task.
  std::set<TaskId>
      foreign;  // Lives there, but no live attempt owns it. No new tasks until it is gone.

  friend bool operator==(const Node&, const Node&) = default;
};

// Where a retried submit finds the job it made: the key and a hash of what was submitted.
struct Submission {
  JobId job;
  std::uint64_t document_hash = 0;
  Timestamp at{};

  friend bool operator==(const Submission&, const Submission&) = default;
};

// What the live tasks of a node hold.
struct NodeUse {
  std::uint32_t cpus = 0;
  std::uint64_t memory_bytes = 0;
  std::map<std::uint32_t, TaskId> gpus;  // By the GPU's index.
  std::set<std::uint16_t> ports;
  std::set<TaskId> tasks;

  friend bool operator==(const NodeUse&, const NodeUse&) = default;
};

// What can be computed from the rest of the state, kept up to date by apply() because decisions
// must not cost more when more is queued. Never stored: rebuild_index() makes it again.
struct Index {
  std::set<TrialId> queue;                           // Waits for slots alone, in the order of turn.
  std::set<std::pair<Timestamp, TrialId>> back_off;  // Waits for its time to come.
  std::set<std::pair<Timestamp, NodeId>> away;       // Disconnected nodes, since when.
  std::set<std::pair<Timestamp, std::string>> submissions;  // Idempotency keys by age.
  std::map<NodeId, NodeUse> use;                            // Has an entry for each node.
  std::map<JobId, std::set<std::uint32_t>> active;    // Trials that run, or that wait for a start.
  std::set<std::pair<Timestamp, JobId>> search_ends;  // When stop.after ends a search.

  friend bool operator==(const Index&, const Index&) = default;
};

struct State {
  std::uint64_t next_job = 1;
  std::uint64_t seed = 0;  // Of the generator of secrets and jitter; advanced by mutations.
  std::uint64_t next_session = 1;
  std::map<JobId, Job> jobs;  // Live ones.
  std::map<NodeId, Node> nodes;
  std::map<std::string, Submission> submissions;  // By Idempotency-Key; kept 24 h.
  // The trial whose turn it is, if its gang does not fit what is free: those behind it wait too.
  std::optional<TrialId> blocked;
  Index index;

  friend bool operator==(const State&, const State&) = default;
};

// The journal's codec walks structs by these descriptions: a field that is not named here is lost
// by a restart. A SpecDocument's parsed form and the index are made again from the rest.
BOOST_DESCRIBE_STRUCT(SpecDocument, (), (text, overrides))
BOOST_DESCRIBE_STRUCT(Task, (), (role, index, rank, state, slots, ports, pid, exit, ended, reports))
BOOST_DESCRIBE_STRUCT(Attempt, (), (number, state, stop, started, stopped, secret, tasks, failure))
BOOST_DESCRIBE_STRUCT(Trial, (),
                      (number, state, eligible, attempts, attempt, failures, last_failure,
                       checkpoint, progress, metrics, assignment, from, measured, incomplete,
                       verdict, why, started, ended, ran))
BOOST_DESCRIBE_STRUCT(Job, (),
                      (id, name, user, document, state, stop, submitted, started, ended, trials,
                       failure, search))
BOOST_DESCRIBE_STRUCT(Node, (),
                      (id, host, agent_version, resources, state, drain, drain_reason, session,
                       changed, free_ports, foreign))
BOOST_DESCRIBE_STRUCT(Submission, (), (job, document_hash, at))
BOOST_DESCRIBE_STRUCT(State, (), (next_job, seed, next_session, jobs, nodes, submissions, blocked))

// Policy, fixed for the life of the process; part of no mutation.
struct Settings {
  std::chrono::milliseconds heartbeat{2000};
  std::chrono::milliseconds lost_after{30000};  // Without its agent a node is given up after this.
  std::uint32_t jobs_max = 100'000;             // Live jobs; more are refused, "not now".
  std::string artifact_root;  // Shared by all nodes; a trial gets <root>/<job>/<trial>.
  std::uint64_t seed = 1;     // Random, from the shell; taken by a state that has none.
};

}  // namespace dl::coordinator
