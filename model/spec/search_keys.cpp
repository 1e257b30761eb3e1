// The rows of the `search` block in the table of keys.

#include "model/spec/keys.h"

namespace dl::spec {
namespace {

constexpr std::array<std::string_view, 11> kAlgorithms = {
    "grid",  "random", "sobol",     "tpe",  "gp",
    "cmaes", "asha",   "hyperband", "bohb", "successive_halving",
    "pbt"};
constexpr std::array<std::string_view, 2> kGoals = {"minimize", "maximize"};
constexpr std::array<std::string_view, 4> kRules = {"none", "median", "curve", "asha"};
constexpr std::array<std::string_view, 3> kResources = {"epochs", "steps", "reports"};
constexpr std::array<std::string_view, 2> kVariants = {"stopping", "promotion"};

constexpr std::uint64_t kYear = 366ull * 24 * 3'600'000;
constexpr std::uint64_t kUnitsMax = 1ull << 40;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

constexpr Rule from(std::uint64_t least, std::uint64_t most) {
  return {.least = least, .most = most};
}
constexpr Rule one_of(std::span<const std::string_view> words) { return {.words = words}; }
constexpr Rule between(double low, double high) { return {.low = low, .high = high}; }

SearchSpec& search_of(Target target) {
  if (!target.job.search) target.job.search.emplace();
  return *target.job.search;
}

// `metric` and `goal` are the short form of a single objective.
Objective& objective_of(Target target) {
  auto& objectives = search_of(target).objectives;
  if (objectives.empty()) objectives.emplace_back();
  return objectives.front();
}

template <class Value>
Field field(Value& (*member)(Target)) {
  return Field(member);
}

#define DL_SEARCH(member) field(+[](Target t) -> auto& { return search_of(t).member; })
#define DL_OBJECTIVE(member) field(+[](Target t) -> auto& { return objective_of(t).member; })

Key row(std::string_view path, Field field, Rule rule, std::string_view help,
        std::string_view default_note = "") {
  return {path, field, rule, AppliesTo::kSearch, default_note, help};
}

std::vector<Key> goal_keys() {
  return {
      row("search.metric", DL_OBJECTIVE(metric), {}, "What trials are judged by, as they report it",
          "required"),
      row("search.goal", DL_OBJECTIVE(goal), one_of(kGoals), "Which way is better", "required"),
      row("search.objectives", DL_SEARCH(objectives), {},
          "Several of them, in place of `metric` and `goal`: the search looks for their Pareto "
          "front",
          "`metric` and `goal`"),
      row("search.algorithm", DL_SEARCH(algorithm), one_of(kAlgorithms),
          "How the next trial is chosen"),
      row("search.max_trials", DL_SEARCH(max_trials), from(0, kTrialsMax),
          "Trials that are begun in all; 0, with grid alone: all of its points", "100; grid: 0"),
      row("search.max_parallel", DL_SEARCH(max_parallel), from(1, kParallelMax),
          "Trials that run at once, if the cluster has room"),
      row("search.max_failed_trials", DL_SEARCH(max_failed_trials), from(0, kTrialsMax),
          "Failed trials that are replaced; one more ends the search as failed"),
      row("search.seed", DL_SEARCH(seed), {}, "Of every choice the algorithm makes"),
      row("search.warm", DL_SEARCH(warm), {},
          "Trials of a model run in processes that stay from one trial to the next and keep "
          "libtorch, the device and the data; false: in a new process each"),
      row("search.parameters", DL_SEARCH(parameters), {},
          "What to vary: keys of the spec such as `train.learning_rate`, or words for `${word}` in "
          "a command",
          "required"),
      row("search.constraints", DL_SEARCH(constraints), {},
          "Comparisons that every trial meets, such as `\"hidden2 <= hidden1\"`"),
      row("search.initial_points", DL_SEARCH(initial_points), {},
          "Tried first; what a point leaves out is its default, or chosen"),
  };
}

std::vector<Key> stop_keys() {
  return {
      row("search.stop.target", DL_SEARCH(stop.target), between(-kInfinity, kInfinity),
          "Ends the search when the objective is at least this good"),
      row("search.stop.after", DL_SEARCH(stop.after), from(0, kYear),
          "… so long after its first trial began; 0: never"),
      row("search.stop.trials_without_gain", DL_SEARCH(stop.trials_without_gain),
          from(0, kTrialsMax), "… when so many trials were none of them the best; 0: never"),
      row("search.early_stopping.rule", DL_SEARCH(early_stopping.rule), one_of(kRules),
          "What ends a hopeless trial: worse than the median, a curve that leads nowhere, or the "
          "rungs of `halving`"),
      row("search.early_stopping.min_trials", DL_SEARCH(early_stopping.min_trials),
          from(1, kTrialsMax), "Ended trials before the rule speaks"),
      row("search.early_stopping.min_resource", DL_SEARCH(early_stopping.min_resource),
          from(0, kUnitsMax), "Units of `halving.resource` before it looks at a trial"),
  };
}

std::vector<Key> halving_keys() {
  return {
      row("search.halving.resource", DL_SEARCH(halving.resource), one_of(kResources),
          "What a trial's budget is counted in"),
      row("search.halving.min_resource", DL_SEARCH(halving.min_resource), from(1, kUnitsMax),
          "The first rung"),
      row("search.halving.max_resource", DL_SEARCH(halving.max_resource), from(0, kUnitsMax),
          "The last rung; 0: `train.epochs` or `train.max_steps`"),
      row("search.halving.reduction", DL_SEARCH(halving.reduction), from(2, 1000),
          "Each rung is so many times the one before, and 1 ÷ this of its trials goes on"),
      row("search.halving.brackets", DL_SEARCH(halving.brackets), from(1, 20),
          "asha: ladders, each of which begins a rung higher"),
      row("search.halving.variant", DL_SEARCH(halving.variant), one_of(kVariants),
          "asha: stop trials at a rung, or pause them all and promote the best"),
  };
}

std::vector<Key> algorithm_keys() {
  return {
      row("search.tpe.startup_trials", DL_SEARCH(tpe.startup_trials), from(1, kTrialsMax),
          "Random trials at the beginning"),
      row("search.tpe.candidates", DL_SEARCH(tpe.candidates), from(1, 100'000),
          "Points drawn for each suggestion"),
      row("search.tpe.multivariate", DL_SEARCH(tpe.multivariate), {},
          "Models the parameters together, not each alone"),
      row("search.tpe.constant_liar", DL_SEARCH(tpe.constant_liar), {},
          "Keeps trials that run at once apart"),
      row("search.gp.startup_trials", DL_SEARCH(gp.startup_trials), from(1, kTrialsMax),
          "Random trials at the beginning"),
      row("search.cmaes.sigma", DL_SEARCH(cmaes.sigma), {.low = 0, .high = 1, .excludes_low = true},
          "First step size, as a share of each range"),
      row("search.cmaes.population", DL_SEARCH(cmaes.population), from(0, 10'000),
          "Trials of a generation; 0: 4 + ⌊3 ln n⌋ for n parameters"),
      row("search.pbt.population", DL_SEARCH(pbt.population), from(2, 10'000),
          "Trials that live at once"),
      row("search.pbt.interval", DL_SEARCH(pbt.interval), from(1, kUnitsMax),
          "Units of `halving.resource` between two looks"),
      row("search.pbt.quantile", DL_SEARCH(pbt.quantile),
          {.low = 0, .high = 0.5, .excludes_low = true},
          "The worst share copies from the best share"),
      row("search.pbt.resample_probability", DL_SEARCH(pbt.resample_probability), between(0, 1),
          "How often a copied value is drawn anew; else it is perturbed"),
      row("search.pbt.perturbation", DL_SEARCH(pbt.perturbation),
          {.low = 0, .high = 1, .excludes_low = true, .excludes_high = true},
          "Factors of a perturbation: 1 − this and 1 + this"),
  };
}

#undef DL_SEARCH
#undef DL_OBJECTIVE

}  // namespace

std::vector<Key> search_keys() {
  std::vector<Key> all;
  for (const auto& part : {goal_keys(), stop_keys(), halving_keys(), algorithm_keys()})
    all.insert(all.end(), part.begin(), part.end());
  return all;
}

}  // namespace dl::spec
