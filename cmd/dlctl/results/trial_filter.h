// Which trials a user wants to see, and in which order: `--filter` and `--sort` of `dlctl trials`.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cmd/dlctl/results/search_results.h"

namespace dl::dlctl {

struct TrialQuery {
  std::string sort;  // "accuracy", "-time", "train.batch_size"; empty: the best first.
  std::vector<std::string> filters;  // "learning_rate < 0.01"; all of them hold.
  std::string state;                 // "stopped"; empty: any.
  std::size_t top = 0;               // The first so many; 0: all.
};

// kInvalidArgument: a name or a state that no trial has, with the nearest one that they have.
Result<std::vector<const TrialResult*>> select_trials(const SearchResults& results,
                                                      const TrialQuery& query);

// The last word of a dotted name, or the whole name where another one ends alike: what columns are
// headed by, and a short form that filters take.
std::string short_name(const std::string& name, const std::vector<std::string>& all);

// The names of a search's parameters, in the order of its spec.
std::vector<std::string> parameter_names(const SearchResults& results);
std::vector<std::string> objective_names(const SearchResults& results);

}  // namespace dl::dlctl
