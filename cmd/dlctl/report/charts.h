// The pictures of a report: each is an <svg> of what one question about a search asks. Empty when
// there is nothing to show.

#pragma once

#include <string>

#include "cmd/dlctl/results/search_results.h"

namespace dl::dlctl {

// How good the best was, after so much training of all trials together; every report as a dot.
std::string best_so_far_chart(const SearchResults& results);

// The first objective of every trial as it trained.
std::string learning_curves_chart(const SearchResults& results);

// A line a trial, over an axis for each parameter and the objective.
std::string parallel_chart(const SearchResults& results);

std::string importance_chart(const ImportanceReport& importance);

// The objective over the values of one parameter.
std::string slice_chart(const SearchResults& results, const Parameter& parameter);

// The first two objectives; the Pareto front joined.
std::string front_chart(const SearchResults& results);

}  // namespace dl::dlctl
