// Trials as rows, and one trial in full.

#pragma once

#include <span>
#include <string>

#include "cmd/dlctl/results/search_results.h"
#include "cmd/dlctl/terminal/table.h"

namespace dl::dlctl {

// A row a trial, a column for each objective and each parameter that varies; the best has a star.
std::string render_trials(const SearchResults& results, std::span<const TrialResult* const> trials,
                          const TableOptions& options);

// "Job 42 (fashion-mnist) is running: asha, 8 of 24 trials, 1 running, …"; why it is over in a line
// of its own.
std::string search_headline(const SearchResults& results, const Terminal& terminal);

// What a trial tried and what came of it. `detail` is GetTrial's answer.
std::string render_trial(const SearchResults& results, const TrialResult& trial,
                         const v1::SearchTrial& detail, const TableOptions& options);

// "0.01", "[200, 200]": as short as tells values apart.
std::string value_text(const ParameterValue& value);

// The spec's own value of a key, "train.learning_rate"; of a word its default; empty without one.
std::string default_text(const SearchResults& results, const Parameter& parameter);

Duration run_time_of(const v1::SearchTrial& trial);

}  // namespace dl::dlctl
