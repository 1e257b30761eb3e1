// SearchSpec is the `search:` block of a job: what to vary, what to judge trials by, how to choose
// the next one and when to stop. docs/search.md describes it for users.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/constraint.h"
#include "model/search_space.h"

namespace dl {

inline constexpr std::uint32_t kTrialsMax = 100'000;
inline constexpr std::uint64_t kGridPointsMax = kTrialsMax;
inline constexpr std::uint32_t kParallelMax = 10'000;

// A metric that trials report, and which way is better.
struct Objective {
  std::string metric;
  std::string goal;  // minimize, maximize.

  bool maximizes() const { return goal == "maximize"; }
  friend bool operator==(const Objective&, const Objective&) = default;
};

// What ends a search before max_trials.
struct StopSpec {
  std::optional<double> target;           // The objective is at least this good.
  std::chrono::milliseconds after{0};     // So long after the first trial began; 0: never.
  std::uint32_t trials_without_gain = 0;  // So many trials ended since the best one; 0: never.

  friend bool operator==(const StopSpec&, const StopSpec&) = default;
};

// What ends a trial before it has run to its end, beside what the algorithm itself ends.
struct EarlyStoppingSpec {
  std::string rule = "none";       // none, median, curve, asha.
  std::uint32_t min_trials = 5;    // Ended trials before the rule speaks.
  std::uint64_t min_resource = 1;  // Units of halving.resource before it looks at a trial.

  friend bool operator==(const EarlyStoppingSpec&, const EarlyStoppingSpec&) = default;
};

// Successive halving in all its forms: asha, hyperband, bohb, successive_halving. A rung every
// factor of `reduction` from min_resource to max_resource; 1 ÷ reduction of its trials goes on.
struct HalvingSpec {
  std::string resource = "epochs";  // epochs, steps, reports (of the objective).
  std::uint64_t min_resource = 1;
  std::uint64_t max_resource = 0;  // 0: train.epochs or train.max_steps.
  std::uint32_t reduction = 4;
  std::uint32_t brackets = 1;        // asha: so many, each beginning a rung higher.
  std::string variant = "stopping";  // asha: stopping, promotion.

  friend bool operator==(const HalvingSpec&, const HalvingSpec&) = default;
};

// Tree-structured Parzen estimator (Bergstra 2011). Defaults are Optuna's.
struct TpeSpec {
  std::uint32_t startup_trials = 10;  // Random ones at the beginning.
  std::uint32_t candidates = 24;      // Drawn for each suggestion.
  bool multivariate = true;
  bool constant_liar = true;  // Running trials count as bad ones.

  friend bool operator==(const TpeSpec&, const TpeSpec&) = default;
};

// Gaussian process with expected improvement.
struct GpSpec {
  std::uint32_t startup_trials = 10;

  friend bool operator==(const GpSpec&, const GpSpec&) = default;
};

struct CmaesSpec {
  double sigma = 0.3;            // First step size, as a share of each range.
  std::uint32_t population = 0;  // 0: 4 + ⌊3 ln n⌋ of n parameters.

  friend bool operator==(const CmaesSpec&, const CmaesSpec&) = default;
};

// Population-based training (Jaderberg 2017).
struct PbtSpec {
  std::uint32_t population = 20;
  std::uint64_t interval = 1;          // Units of halving.resource between two looks.
  double quantile = 0.25;              // The worst share copies from the best share.
  double resample_probability = 0.25;  // Else perturbed.
  double perturbation = 0.2;           // Factors 1 − this and 1 + this.

  friend bool operator==(const PbtSpec&, const PbtSpec&) = default;
};

struct SearchSpec {
  std::vector<Objective> objectives;  // At least one; several: the Pareto front is sought.
  // grid, random, sobol, tpe, gp, cmaes, asha, hyperband, bohb, successive_halving, pbt.
  std::string algorithm = "tpe";
  std::uint32_t max_trials = 100;  // 0, with grid alone: all of its points.
  std::uint32_t max_parallel = 1;
  std::uint32_t max_failed_trials = 10;  // One more ends the search as failed.
  std::uint64_t seed = 1;
  bool warm = true;  // Trials of a model run in processes that stay from one to the next.
  StopSpec stop;
  EarlyStoppingSpec early_stopping;
  HalvingSpec halving;
  TpeSpec tpe;
  GpSpec gp;
  CmaesSpec cmaes;
  PbtSpec pbt;
  Parameters parameters;
  std::vector<Constraint> constraints;     // All of them hold for every trial.
  std::vector<Assignment> initial_points;  // Tried first, in order; may leave parameters out.

  friend bool operator==(const SearchSpec&, const SearchSpec&) = default;
};

// What to try before the algorithm's own suggestions: the initial points, with defaults where they
// leave a parameter out; without any, the point of the defaults if a parameter has one. What is
// left out still is the algorithm's to choose. What a point makes inactive is not in it.
std::vector<Assignment> first_points(const SearchSpec& search);

}  // namespace dl
