#include "daemon/coordinator/apply.h"

#include <algorithm>

#include "base/assert.h"
#include "daemon/coordinator/derived.h"
#include "daemon/coordinator/index.h"
#include "daemon/coordinator/lookup.h"

namespace dl::coordinator {
namespace {

Job& job_of(State& state, JobId id) {
  const auto found = state.jobs.find(id);
  DL_ASSERT(found != state.jobs.end(), "mutations are about live jobs");
  return found->second;
}

Trial& trial_of(State& state, const TrialId& id) {
  auto& trials = job_of(state, id.job).trials;
  const auto found = trials.find(id.trial);
  DL_ASSERT(found != trials.end(), "mutations are about trials that exist");
  return found->second;
}

Attempt& attempt_of(State& state, const AttemptId& id) {
  Trial& trial = trial_of(state, id.trial_id());
  DL_ASSERT(live_attempt(trial) != nullptr && trial.attempt->number == id.attempt,
            "mutations are about live attempts");
  return *trial.attempt;
}

Task& task_of(Attempt& attempt, const TaskId& id) {
  const auto found = std::find_if(attempt.tasks.begin(), attempt.tasks.end(), [&](const Task& t) {
    return t.role == id.role && t.index == id.index;
  });
  DL_ASSERT(found != attempt.tasks.end(), "mutations are about tasks of the gang");
  return *found;
}

Node& node_of(State& state, const NodeId& id) {
  const auto found = state.nodes.find(id);
  DL_ASSERT(found != state.nodes.end(), "mutations are about known nodes");
  return found->second;
}

// Queued, unless one of its trials has a live attempt or it is being stopped.
JobState state_of(const State& state, const Job& job) {
  if (job.stop != StopReason::kNone) return JobState::kStopping;
  return has_live_attempt(state, job) ? JobState::kRunning : JobState::kQueued;
}

Search search_of(const SearchSpec& spec) {
  Search search;
  search.max_trials = spec.max_trials;
  search.max_parallel = spec.max_parallel;
  return search;
}

void set_state(State& state, Node& node, NodeState to, Timestamp at) {
  state.index.away.erase({node.changed, node.id});
  node.state = to;
  node.changed = at;
  if (to == NodeState::kDisconnected) state.index.away.emplace(at, node.id);
}

void offer_ports(State& state, Node& node, const std::vector<std::uint16_t>& offered) {
  const auto& taken = state.index.use[node.id].ports;
  node.free_ports.clear();
  for (const auto port : offered) {
    if (!taken.contains(port)) node.free_ports.insert(port);
  }
}

class Applier {
 public:
  explicit Applier(State& state) : state_(state) {}

  // --- jobs ------------------------------------------------------------------------------------

  void operator()(const JobSubmitted& m) {
    DL_ASSERT(m.job.value >= state_.next_job, "job numbers are never used again");
    DL_ASSERT(m.document.parsed != nullptr, "a journaled document can be parsed");
    state_.next_job = m.job.value + 1;
    Job job;
    job.id = m.job;
    job.name = m.document.parsed->name;
    job.user = m.user;
    job.document = m.document;
    job.submitted = m.at;
    if (const auto& search = m.document.parsed->search) {
      job.search = search_of(*search);
    } else {
      index_trial(state_.index, {m.job, 1}, job.trials[1]);
    }
    state_.jobs.emplace(m.job, std::move(job));
    if (!m.idempotency_key.empty()) remember(m);
  }

  void operator()(const JobStopping& m) {
    Job& job = job_of(state_, m.job);
    unindex_search(state_.index, job);
    job.stop = std::max(job.stop, m.reason);
    for (const auto number : std::set(active_trials(state_, m.job))) {
      const Trial& trial = job.trials.at(number);
      if (trial.state == TrialState::kQueued) unindex_trial(state_.index, {m.job, number}, trial);
    }
    job.state = state_of(state_, job);
  }

  void operator()(const JobEnded& m) {
    const Job& job = job_of(state_, m.job);
    DL_ASSERT(!has_live_attempt(state_, job), "a job ends when its tasks are gone");
    unindex_search(state_.index, job);
    for (const auto number : std::set(active_trials(state_, m.job))) {
      unindex_trial(state_.index, {m.job, number}, job.trials.at(number));
    }
    state_.jobs.erase(m.job);
  }

  // --- attempts --------------------------------------------------------------------------------

  void operator()(const AttemptPlaced& m) {
    Trial& trial = trial_of(state_, m.attempt.trial_id());
    DL_ASSERT(trial.state == TrialState::kQueued, "only a queued trial is placed");
    DL_ASSERT(m.attempt.attempt == trial.attempts + 1, "attempts are numbered without gaps");
    unindex_trial(state_.index, m.attempt.trial_id(), trial);
    trial.state = TrialState::kRunning;
    index_trial(state_.index, m.attempt.trial_id(), trial);
    trial.attempts = m.attempt.attempt;
    if (trial.attempts == 1) trial.started = m.at;
    trial.attempt = Attempt{};
    trial.attempt->number = m.attempt.attempt;
    trial.attempt->started = m.at;
    trial.attempt->secret = m.secret;
    trial.attempt->tasks = m.tasks;
    for (const auto& task : m.tasks) {
      index_task(state_.index, id_of(m.attempt, task), task);
      for (const auto port : task.ports) node_of(state_, task.slots.node).free_ports.erase(port);
    }
    Job& job = job_of(state_, m.attempt.job);
    if (!job.started) {
      job.started = m.at;
      index_search(state_.index, job);
    }
    job.state = state_of(state_, job);
    state_.seed = m.next_seed;
  }

  void operator()(const AttemptStopping& m) {
    Attempt& attempt = attempt_of(state_, m.attempt);
    attempt.stop = std::max(attempt.stop, m.reason);
    if (attempt.state != AttemptState::kStopping) attempt.stopped = m.at;
    attempt.state = AttemptState::kStopping;
    if (!attempt.failure) attempt.failure = m.failure;
    for (auto& task : attempt.tasks) {
      if (is_live(task)) task.state = TaskState::kStopping;
    }
  }

  void operator()(const AttemptBlamed& m) { attempt_of(state_, m.attempt).failure = m.failure; }

  void operator()(const AttemptEnded& m) {
    Attempt& attempt = attempt_of(state_, m.attempt);
    DL_ASSERT(std::none_of(attempt.tasks.begin(), attempt.tasks.end(),
                           [](const Task& task) { return is_live(task); }),
              "an attempt ends when its tasks are gone");
    attempt.state = AttemptState::kEnded;
    attempt.failure = m.failure;
    Trial& trial = trial_of(state_, m.attempt.trial_id());
    unindex_trial(state_.index, m.attempt.trial_id(), trial);
    trial.state = m.outcome;
    trial.eligible = m.eligible;
    trial.ran += m.at - attempt.started;
    if (m.failure) {
      ++trial.failures[static_cast<std::size_t>(m.failure->kind)];
      trial.last_failure = m.failure;
    }
    index_trial(state_.index, m.attempt.trial_id(), trial);
    Job& job = job_of(state_, m.attempt.job);
    if (is_terminal(trial.state)) end_trial(job, trial, m.at);
    job.state = state_of(state_, job);
  }

  void operator()(const BackoffEnded& m) {
    Trial& trial = trial_of(state_, m.trial);
    unindex_trial(state_.index, m.trial, trial);
    trial.eligible = {};
    index_trial(state_.index, m.trial, trial);
  }

  void operator()(const TaskUpdated& m) {
    Attempt& attempt = attempt_of(state_, m.task.attempt);
    Task& task = task_of(attempt, m.task);
    DL_ASSERT(is_live(task), "an exit is for good");
    if (m.state == TaskState::kExited) {
      unindex_task(state_.index, m.task, task);
      task.ended = m.at;
    }
    task.state = std::max(task.state, m.state);
    task.pid = m.pid;
    task.exit = m.exit;
    if (attempt.state == AttemptState::kStarting &&
        std::none_of(attempt.tasks.begin(), attempt.tasks.end(),
                     [](const Task& t) { return t.state == TaskState::kStarting; })) {
      attempt.state = AttemptState::kRunning;
    }
  }

  void operator()(const TrialReported& m) {
    task_of(attempt_of(state_, m.task.attempt), m.task).reports = m.number;
    Trial& trial = trial_of(state_, m.task.attempt.trial_id());
    if (m.progress) trial.progress = *m.progress;
    if (m.checkpoint) trial.checkpoint = m.checkpoint;
    for (const auto& point : m.metrics) trial.metrics[point.name] = point.value;
  }

  // --- searches --------------------------------------------------------------------------------

  void operator()(const TrialCreated& m) {
    Job& job = job_of(state_, m.trial.job);
    DL_ASSERT(job.search && m.trial.trial == job.trials.size() + 1,
              "a search's trials are numbered without gaps");
    Trial& trial = job.trials[m.trial.trial];
    trial.number = m.trial.trial;
    trial.assignment = m.assignment;
    trial.from = m.from;
    index_trial(state_.index, m.trial, trial);
    tell_search(job, {.kind = SearchStepKind::kStarted, .number = m.trial.trial});
  }

  void operator()(const TrialResumed& m) {
    Trial& trial = trial_of(state_, m.trial);
    DL_ASSERT(trial.state == TrialState::kPaused, "only a paused trial is resumed");
    trial.state = TrialState::kQueued;
    trial.verdict = TrialVerdict::kGoOn;
    trial.why.clear();
    index_trial(state_.index, m.trial, trial);
    tell_search(job_of(state_, m.trial.job),
                {.kind = SearchStepKind::kResumed, .number = m.trial.trial});
  }

  void operator()(const ObjectivesIncomplete& m) {
    trial_of(state_, m.trial).incomplete = m.incomplete;
  }

  void operator()(const TrialMeasured& m) {
    Trial& trial = trial_of(state_, m.trial);
    trial.measured = m.measured;
    trial.incomplete.reset();
    tell_search(job_of(state_, m.trial.job), {.kind = SearchStepKind::kMeasured,
                                              .number = m.trial.trial,
                                              .resource = m.measured.resource,
                                              .values = m.measured.values});
  }

  void operator()(const TrialJudged& m) {
    Trial& trial = trial_of(state_, m.trial);
    trial.verdict = m.verdict;
    trial.why = m.why;
  }

  void operator()(const TrialEnded& m) {
    Trial& trial = trial_of(state_, m.trial);
    DL_ASSERT(live_attempt(trial) == nullptr, "an attempt's end is its trial's");
    unindex_trial(state_.index, m.trial, trial);
    trial.state = m.state;
    trial.why = m.why;
    if (m.failure) trial.last_failure = m.failure;
    end_trial(job_of(state_, m.trial.job), trial, m.at);
  }

  void operator()(const SearchPaused& m) {
    Search& search = *job_of(state_, m.job).search;
    search.paused = true;
    search.paused_by = m.user;
  }

  void operator()(const SearchResumed& m) {
    Search& search = *job_of(state_, m.job).search;
    search.paused = false;
    search.paused_by.clear();
  }

  void operator()(const SearchExtended& m) {
    Job& job = job_of(state_, m.job);
    job.search->max_parallel = m.max_parallel;
    if (m.max_trials == job.search->max_trials) return;
    job.search->max_trials = m.max_trials;
    tell_search(job, {.kind = SearchStepKind::kExtended, .number = m.max_trials});
  }

  void operator()(const SearchOver& m) {
    Job& job = job_of(state_, m.job);
    unindex_search(state_.index, job);
    job.search->over = m.why;
    job.search->failed = m.failed;
  }

  // --- nodes -----------------------------------------------------------------------------------

  void operator()(const NodeConnected& m) {
    Node& node = state_.nodes[m.node];
    node.id = m.node;
    node.session = m.session;
    node.host = m.host;
    node.agent_version = m.agent_version;
    node.resources = m.resources;
    node.foreign = {m.foreign.begin(), m.foreign.end()};
    set_state(state_, node, node.drain ? NodeState::kDraining : NodeState::kReady, m.at);
    offer_ports(state_, node, m.free_ports);
    state_.next_session = m.session + 1;
  }

  void operator()(const NodePortsOffered& m) {
    offer_ports(state_, node_of(state_, m.node), m.free_ports);
  }

  void operator()(const NodeForeignTasks& m) {
    node_of(state_, m.node).foreign = {m.tasks.begin(), m.tasks.end()};
  }

  void operator()(const NodeStateChanged& m) {
    set_state(state_, node_of(state_, m.node), m.state, m.at);
  }

  void operator()(const NodeDrained& m) {
    Node& node = node_of(state_, m.node);
    node.drain = m.drain;
    node.drain_reason = m.reason;
    if (is_connected(node)) {
      set_state(state_, node, m.drain ? NodeState::kDraining : NodeState::kReady, m.at);
    }
  }

  // --- the cluster -----------------------------------------------------------------------------

  void operator()(const SubmissionsExpired& m) {
    auto& by_age = state_.index.submissions;
    while (!by_age.empty() && by_age.begin()->first < m.before) {
      state_.submissions.erase(by_age.begin()->second);
      by_age.erase(by_age.begin());
    }
  }

  void operator()(const SeedDrawn& m) { state_.seed = m.seed; }

  void operator()(const QueueBlocked& m) { state_.blocked = m.trial; }

 private:
  // Nothing more comes of the trial.
  static void end_trial(Job& job, Trial& trial, Timestamp at) {
    trial.ended = at;
    trial.incomplete.reset();
    trial.spec.forget();
    if (!job.search || trial.state == TrialState::kCancelled) return;
    const bool failed = trial.state == TrialState::kFailed;
    tell_search(job, {.kind = failed ? SearchStepKind::kFailed : SearchStepKind::kEnded,
                      .number = trial.number});
  }

  void remember(const JobSubmitted& m) {
    Submission& submission = state_.submissions[m.idempotency_key];
    state_.index.submissions.erase({submission.at, m.idempotency_key});
    submission = {.job = m.job, .document_hash = m.document_hash, .at = m.at};
    state_.index.submissions.emplace(m.at, m.idempotency_key);
  }

  State& state_;
};

}  // namespace

void apply(State& state, const Mutation& mutation) { std::visit(Applier(state), mutation); }

Job ended_job(const Job& job, const JobEnded& end) {
  Job ended = job;
  ended.state = end.state;
  ended.ended = end.at;
  ended.failure = end.failure;
  for (auto& [number, trial] : ended.trials) {
    // Trials that never got their turn share the job's end; one that its search has paused was
    // stopped, as it turns out.
    if (trial.state == TrialState::kPaused) trial.state = TrialState::kStopped;
    if (!is_terminal(trial.state)) trial.state = TrialState::kCancelled;
    if (trial.attempt) trial.attempt->secret.clear();
  }
  return ended;
}

}  // namespace dl::coordinator
