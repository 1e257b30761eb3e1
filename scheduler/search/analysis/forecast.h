// What a search would do, before any of it is run: what it tries first, and what it would spend.
//
// The spending is simulated: the search's own schedule decides, over trials whose results come in
// random order, so that nothing is known of the model. With a schedule that stops trials the
// figures vary from run to run, and several are made.

#pragma once

#include <cstdint>
#include <vector>

#include "model/job_spec.h"
#include "model/search_space.h"

namespace dl::scheduler {

// Over the simulated runs.
struct Estimate {
  double mean = 0;
  double low = 0;
  double high = 0;

  friend bool operator==(const Estimate&, const Estimate&) = default;
};

struct ForecastRung {
  std::uint64_t resource = 0;
  Estimate trials;  // That train at least so far.

  friend bool operator==(const ForecastRung&, const ForecastRung&) = default;
};

struct Forecast {
  std::uint64_t trials = 0;
  std::uint64_t whole = 0;          // Units of halving.resource of a whole trial; 0: not known.
  std::vector<ForecastRung> rungs;  // Where trials may be stopped, and a whole trial.
  Estimate resource;                // Units of all trials together.
  Estimate span;                    // Units one after the other, with max_parallel at once.
  double resource_of_all = 0;       // If every trial ran to its end.
  double span_of_all = 0;

  friend bool operator==(const Forecast&, const Forecast&) = default;
};

// Units of halving.resource of a whole trial: said by the search or, of a model, by its training; 0
// when only the command knows.
std::uint64_t whole_trial(const JobSpec& job);

// `job` has a search. What may end it early (search.stop, failures) is left out. Without a known
// length of a trial a unit is a whole trial.
Forecast forecast(const JobSpec& job);

// The first `count` trials, as they are chosen before any result is known; fewer when the search
// has no more or waits for results.
std::vector<Assignment> first_suggestions(const JobSpec& job, std::size_t count);

}  // namespace dl::scheduler
