// The loop around the core, the same lines in production and in simulation:
// decide → apply → journal → effects, with one commit for all events that are there.

#pragma once

#include <functional>
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
  Records records;  // Of all the mutations, in order; `finished` is in `finished_jobs`.
  std::vector<Job> finished_jobs;
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

  Loop(Settings settings, State state, Journal& journal, EffectSink effects);

  // Takes `events` in order, commits what they change, then runs their effects.
  //
  // When the commit fails nothing has happened: the state is the one before, requests among the
  // events are answered with the error, and agents are dropped so that they say it all again.
  // The error is returned for the log.
  Result<void> step(std::span<const Event> events, Timestamp now);

  const State& state() const { return state_; }
  std::optional<Timestamp> next_deadline() const;

 private:
  Settings settings_;
  State state_;
  Journal& journal_;
  EffectSink effects_;
};

}  // namespace dl::coordinator
