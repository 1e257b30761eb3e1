// What the state holds of a job's search: what its searcher was told, and what an operator did.
//
// The searcher itself (scheduler/search) is a function of that history, so it is never stored: it
// is made again when it is first asked after a start, and told of each step from then on.

#pragma once

#include <boost/describe.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "scheduler/search/searcher.h"

namespace dl::coordinator {

// What can be made again from the rest of the state, made when it is first asked for. Equal to any
// other; a copy begins empty, so that nothing is shared between copies.
template <class T>
class Derived {
 public:
  Derived() = default;
  Derived(const Derived&) {}
  Derived(Derived&&) noexcept = default;
  Derived& operator=(const Derived&) {
    value_.reset();
    return *this;
  }
  Derived& operator=(Derived&&) noexcept = default;

  template <class Make>
  T& get(const Make& make) const {
    if (!value_) value_ = std::make_unique<T>(make());
    return *value_;
  }
  // Null until it was asked for.
  T* made() const { return value_.get(); }
  void forget() { value_.reset(); }

  friend bool operator==(const Derived&, const Derived&) { return true; }

 private:
  mutable std::unique_ptr<T> value_;  // Of the one thread that owns the state, or the copy.
};

enum class TrialVerdict : std::uint8_t { kGoOn, kPause, kStop };
std::string_view to_string(TrialVerdict verdict);

// The objectives of one trial at one point of its way, in the order of SearchSpec::objectives.
struct Measured {
  std::uint64_t resource = 0;  // In units of halving.resource.
  std::uint64_t step = 0;      // The optimizer's, if known: what comes again is known by it.
  std::vector<double> values;

  friend bool operator==(const Measured&, const Measured&) = default;
};

// Objectives that have come in for the next measurement, while others are missing.
struct Incomplete {
  std::uint64_t resource = 0;
  std::map<std::string, double> values;  // By metric.

  friend bool operator==(const Incomplete&, const Incomplete&) = default;
};

enum class SearchStepKind : std::uint8_t {
  kStarted,
  kResumed,
  kMeasured,
  kEnded,
  kFailed,
  kExtended
};
std::string_view to_string(SearchStepKind kind);

// One thing that the searcher was told. What a trial tries stands in the trial.
struct SearchStep {
  SearchStepKind kind = SearchStepKind::kStarted;
  std::uint32_t number = 0;    // Of the trial; with kExtended the new max_trials.
  std::uint64_t resource = 0;  // kMeasured.
  std::vector<double> values;  // kMeasured.

  friend bool operator==(const SearchStep&, const SearchStep&) = default;
};

struct Search {
  std::uint32_t max_trials = 0;    // The spec's, or as it was extended. 0: all points of a grid.
  std::uint32_t max_parallel = 1;  // The same.
  bool paused = false;             // By an operator: no more trials start.
  std::string paused_by;
  std::optional<std::string> over;  // Why no more trials start, for good.
  bool failed = false;              // `over` because too many trials failed.
  std::vector<SearchStep> history;
  Derived<scheduler::Searcher> searcher;

  friend bool operator==(const Search&, const Search&) = default;
};

BOOST_DESCRIBE_ENUM(TrialVerdict, kGoOn, kPause, kStop)
BOOST_DESCRIBE_ENUM(SearchStepKind, kStarted, kResumed, kMeasured, kEnded, kFailed, kExtended)
BOOST_DESCRIBE_STRUCT(Measured, (), (resource, step, values))
BOOST_DESCRIBE_STRUCT(Incomplete, (), (resource, values))
BOOST_DESCRIBE_STRUCT(SearchStep, (), (kind, number, resource, values))
BOOST_DESCRIBE_STRUCT(Search, (),
                      (max_trials, max_parallel, paused, paused_by, over, failed, history))

}  // namespace dl::coordinator
