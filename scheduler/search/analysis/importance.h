// How much each parameter mattered: functional ANOVA over a random forest of the trials (Hutter,
// Hoos, Leyton-Brown, ICML 2014).
//
// A parameter's share is the part of the variance over the whole space that the value explains when
// all others are averaged out, computed from the leaves without sampling. The space is as the
// search sees it: logarithmic ranges count in their logarithm, choices by their weights. A
// conditional parameter stands in the middle of its range where it is not there, so that its share
// counts only where it is. What the shares leave of 1 is interactions and noise.

#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "model/search_space.h"

namespace dl::scheduler {

struct ScoredTrial {
  Assignment assignment;
  double value = 0;  // Finite.
};

struct Importance {
  std::string parameter;
  double share = 0;      // 0 to 1.
  double deviation = 0;  // Of the share from tree to tree.
};

inline constexpr std::size_t kImportanceTrialsMin = 5;
// Of more trials, so many are taken, evenly over the search.
inline constexpr std::size_t kImportanceTrialsMax = 1000;

// Of all parameters that are not constant, the most important first. Empty with fewer trials than
// kImportanceTrialsMin; all zero when every trial has the same value. The same for the same seed.
std::vector<Importance> parameter_importance(const Parameters& parameters,
                                             std::span<const ScoredTrial> trials,
                                             std::uint64_t seed = 1);

}  // namespace dl::scheduler
