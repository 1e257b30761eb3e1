// The loop around the core, the same lines in production and in simulation:
// decide → apply → journal → effects, with one commit for all events that are there.
//
// The loop applies before it commits, so that a step needs no copy of the state. When the commit
// fails it goes back to what the journal holds, as a process that had just started would.

#pragma once

#include <functional>
#include <set>
#include <span>
#include <vector>

#include "base/result.h"
#include "daemon/coordinator/apply.h"
#include "daemon/coordinator/decide.h"
#include "daemon/coordinator/record.h"

namespace dl::coordinator {

// What one commit makes durable, all or nothing.
struct Batch {
  std::vector<Mutation> mutations;
  Records records;  // Of all the mutations, in order.
};

class Journal {
 public:
  virtual ~Journal() = default;
  // Returns once `batch` is on stable storage. After an error nothing of it is.
  virtual Result<void> commit(const Batch& batch) = 0;
  // The state after all committed mutations.
  virtual Result<State> recover() = 0;
};

class Loop {
 public:
  using EffectSink = std::function<void(const Effect&)>;

  // `state` is what `journal` recovers to. The first step also takes a Started of its own.
  Loop(Settings settings, State state, Journal& journal, EffectSink effects);

  // Takes `events` in order, commits what they change, then runs their effects.
  //
  // When the commit fails nothing has happened: the state is the one before, requests among the
  // events are answered with the error, and all agents are dropped so that they say it all again.
  // Until kRetryAfter has passed further steps only refuse. The error is returned for the log.
  Result<void> step(std::span<const Event> events, Timestamp now);

  const State& state() const { return state_; }

  // Why nothing can be committed; absent when all is well.
  const std::optional<Error>& failure() const { return failure_; }

  // When step() is due without any event. In the past when it is due at once.
  std::optional<Timestamp> next_deadline() const;

  static constexpr std::chrono::seconds kRetryAfter{1};
  // Answers of searches in one step; the next ones come in a step of their own, at once. A slow
  // searcher does not hold up the cluster for longer than this.
  static constexpr std::size_t kAnswersMax = 16;

 private:
  struct Draft;  // What the step in hand has decided so far.

  void take(Draft& draft, Decision decision, Timestamp now);
  void take(Draft& draft, const Event& event, Timestamp now);
  void ask_searches(Draft& draft, Timestamp now);
  Result<void> go_back(std::span<const Event> events, Error error, Timestamp now);
  void refuse(std::span<const Event> events, const Error& error);

  Settings settings_;
  State state_;
  Journal& journal_;
  EffectSink effects_;
  bool started_ = false;    // Whether a Started is on record since `state_` was recovered.
  std::set<JobId> to_ask_;  // Searches that may have something to say.
  bool stale_ = false;      // `state_` has more than the journal: recovery failed.
  std::optional<Error> failure_;
  Timestamp retry_at_{};
};

}  // namespace dl::coordinator
