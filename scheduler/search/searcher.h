// Searcher decides what a search tries next and which trials go on.
//
// It is pure: no clock, no I/O, no randomness but that of (seed, trial number). What it answers is
// a function of the spec and of the events it was told, in their order; telling a new Searcher the
// same events (`rebuild`) gives one that answers the same. So a journal needs to hold assignments,
// reports and ends alone.
//
//   ask  suggest() → StartTrial, ResumeTrial, WaitForTrials or SearchOver
//   tell started, resumed, reported, ended         reported() → go on, pause or stop

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "model/search_spec.h"
#include "scheduler/search/trial.h"

namespace dl::scheduler {

// Bytes that a suggestion may allocate and free again, the matrices of a Gaussian process: what a
// process that asks often does well to keep (base/memory.h).
inline constexpr std::size_t kSuggestionMemory = 64 << 20;

struct StartTrial {
  Assignment assignment;
  TrialNumber from = 0;  // Start with this trial's newest checkpoint (population-based training).

  friend bool operator==(const StartTrial&, const StartTrial&) = default;
};

// A paused trial has earned more; it goes on from its checkpoint.
struct ResumeTrial {
  TrialNumber number = 0;

  friend bool operator==(const ResumeTrial&, const ResumeTrial&) = default;
};

// Nothing to start until some running trial reports or ends.
struct WaitForTrials {
  friend bool operator==(const WaitForTrials&, const WaitForTrials&) = default;
};

// Nothing more to start: `why` is a sentence. Running trials may still end; paused ones will not be
// resumed.
struct SearchOver {
  std::string why;
  bool failed = false;  // Too many trials failed.

  friend bool operator==(const SearchOver&, const SearchOver&) = default;
};

using Suggestion = std::variant<StartTrial, ResumeTrial, WaitForTrials, SearchOver>;

struct Verdict {
  enum class Action : std::uint8_t { kContinue, kPause, kStop };
  Action action = Action::kContinue;
  std::string why;  // A sentence; empty with kContinue.

  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// What a search was told, in order.
struct TrialStarted {
  TrialNumber number = 0;  // The next one: trials are numbered from 1.
  Assignment assignment;
  TrialNumber from = 0;
};
struct TrialResumed {
  TrialNumber number = 0;
};
struct TrialReported {
  TrialNumber number = 0;
  Measurement measurement;
};
struct TrialEnded {
  TrialNumber number = 0;
  // Whether it can be judged. One that ended without a report, or with a value that is not finite,
  // counts as failed all the same.
  bool succeeded = true;
};
using SearchEvent = std::variant<TrialStarted, TrialResumed, TrialReported, TrialEnded>;

class Searcher {
 public:
  // `spec` passed model/spec's checks; halving.max_resource is filled in for every algorithm or
  // early-stopping rule that counts resources, and max_trials unless the algorithm is grid.
  explicit Searcher(SearchSpec spec);
  ~Searcher();
  Searcher(Searcher&&) noexcept;
  Searcher& operator=(Searcher&&) noexcept;

  // Changes nothing: asked twice it answers the same.
  Suggestion suggest() const;

  void started(const TrialStarted& event);
  void resumed(const TrialResumed& event);
  // The verdict holds from now on: a trial that is told to stop or pause counts as such at once,
  // and later reports of it are ignored.
  Verdict reported(const TrialReported& event);
  // Ignored for a trial that was told to stop or is over already. A paused trial's end is no event,
  // unless it failed: then it cannot be resumed.
  void ended(const TrialEnded& event);
  // Any of the four.
  void tell(const SearchEvent& event);

  // More trials, or fewer; what has started stays.
  void set_max_trials(std::uint32_t max_trials);

  const SearchSpec& spec() const;
  // All trials by number: trials()[n − 1] is n.
  const std::vector<Trial>& trials() const;
  // The value of the first objective that a trial is judged by: its last report; nullopt without a
  // finite one.
  static std::optional<double> value_of(const Trial& trial, std::size_t objective = 0);
  // The numbers of the trials that no other is better than in every objective, by their last
  // reports; with one objective the best one (the earliest of equals). Of those that ended, or of
  // all that can be judged: those too that run, wait or were stopped. Empty when there are none.
  enum class Among { kEnded, kAll };
  std::vector<TrialNumber> best(Among among = Among::kEnded) const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

// A Searcher that was told all of `events`.
Searcher rebuild(SearchSpec spec, std::span<const SearchEvent> events);

}  // namespace dl::scheduler
