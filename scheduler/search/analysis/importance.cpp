#include "scheduler/search/analysis/importance.h"

#include <algorithm>
#include <cmath>

#include "scheduler/search/analysis/forest.h"
#include "scheduler/search/unit_space.h"

namespace dl::scheduler {
namespace {

constexpr std::uint64_t kTrees = 64;

// The variance of a tree over the space, and of what is left of it along each axis alone.
struct Variances {
  double total = 0;
  std::vector<double> of_axis;
};

double volume_of(const Leaf& leaf, std::span<const ForestAxis> axes) {
  double volume = 1;
  for (std::size_t i = 0; i < axes.size(); ++i) volume *= leaf.sides[i].measure(axes[i]);
  return volume;
}

// The mean of the tree over all other axes, as a function of a number: pieces between the cuts.
double numeric_variance(std::span<const Leaf> leaves, std::span<const double> volumes,
                        std::size_t axis, double mean) {
  std::vector<double> cuts = {0, 1};
  for (const Leaf& leaf : leaves) cuts.push_back(leaf.sides[axis].low);
  std::sort(cuts.begin(), cuts.end());
  cuts.erase(std::unique(cuts.begin(), cuts.end()), cuts.end());
  // A leaf adds to all pieces between its ends: noted where it begins and where it is over.
  std::vector<double> change(cuts.size(), 0);
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    const LeafSide& side = leaves[k].sides[axis];
    const auto piece = [&](double cut) {
      return static_cast<std::size_t>(std::lower_bound(cuts.begin(), cuts.end(), cut) -
                                      cuts.begin());
    };
    const double part = leaves[k].value * volumes[k] / (side.high - side.low);
    change[piece(side.low)] += part;
    change[piece(side.high)] -= part;
  }
  double variance = 0, marginal = 0;
  for (std::size_t p = 0; p + 1 < cuts.size(); ++p) {
    marginal += change[p];
    variance += (cuts[p + 1] - cuts[p]) * (marginal - mean) * (marginal - mean);
  }
  return variance;
}

double category_variance(std::span<const Leaf> leaves, std::span<const double> volumes,
                         std::size_t axis, const ForestAxis& categories, double mean) {
  std::vector<double> marginal(categories.weights.size(), 0);
  for (std::size_t k = 0; k < leaves.size(); ++k) {
    const LeafSide& side = leaves[k].sides[axis];
    const double measure = side.measure(categories);
    if (measure <= 0) continue;  // Categories of weight 0.
    const double part = leaves[k].value * volumes[k] / measure;
    for (std::size_t c = 0; c < marginal.size(); ++c) {
      if (side.categories[c]) marginal[c] += part;
    }
  }
  double variance = 0;
  for (std::size_t c = 0; c < marginal.size(); ++c)
    variance += categories.weights[c] * (marginal[c] - mean) * (marginal[c] - mean);
  return variance;
}

Variances variances_of(std::span<const Leaf> leaves, std::span<const ForestAxis> axes) {
  std::vector<double> volumes;
  double mean = 0;
  for (const Leaf& leaf : leaves) {
    volumes.push_back(volume_of(leaf, axes));
    mean += volumes.back() * leaf.value;
  }
  Variances variances;
  for (std::size_t k = 0; k < leaves.size(); ++k)
    variances.total += volumes[k] * (leaves[k].value - mean) * (leaves[k].value - mean);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    variances.of_axis.push_back(axes[i].is_category()
                                    ? category_variance(leaves, volumes, i, axes[i], mean)
                                    : numeric_variance(leaves, volumes, i, mean));
  }
  return variances;
}

std::vector<ForestAxis> axes_of(const UnitSpace& space) {
  std::vector<ForestAxis> axes;
  for (std::size_t i = 0; i < space.size(); ++i)
    axes.push_back({space.axis(i).is_category() ? space.axis(i).weights : std::vector<double>()});
  return axes;
}

std::vector<ForestSample> samples_of(const UnitSpace& space, std::span<const ScoredTrial> trials) {
  const std::size_t count = std::min(trials.size(), kImportanceTrialsMax);
  std::vector<ForestSample> samples;
  for (std::size_t k = 0; k < count; ++k) {
    const ScoredTrial& trial = trials[k * trials.size() / count];
    ForestSample& sample = samples.emplace_back(
        ForestSample{.point = space.to_point(trial.assignment), .value = trial.value});
    for (std::size_t i = 0; i < sample.point.size(); ++i) {
      if (std::isnan(sample.point[i])) sample.point[i] = space.axis(i).is_category() ? 0 : 0.5;
    }
  }
  return samples;
}

}  // namespace

std::vector<Importance> parameter_importance(const Parameters& parameters,
                                             std::span<const ScoredTrial> trials,
                                             std::uint64_t seed) {
  if (trials.size() < kImportanceTrialsMin) return {};
  const UnitSpace space(parameters);
  const std::vector<ForestAxis> axes = axes_of(space);
  const std::vector<ForestSample> samples = samples_of(space, trials);
  std::vector<double> sums(space.size(), 0), squares(space.size(), 0);
  double trees = 0;
  for (std::uint64_t t = 0; t < kTrees; ++t) {
    RandomStream random(seed, t);
    const auto leaves = grow_tree(axes, bootstrap(samples, random));
    const Variances variances = variances_of(leaves, axes);
    if (!(variances.total > 0)) continue;
    trees += 1;
    for (std::size_t i = 0; i < space.size(); ++i) {
      const double share = variances.of_axis[i] / variances.total;
      sums[i] += share;
      squares[i] += share * share;
    }
  }
  std::vector<Importance> importances;
  for (std::size_t i = 0; i < space.size(); ++i) {
    if (parameters[i].is_constant()) continue;
    Importance& importance = importances.emplace_back(Importance{.parameter = parameters[i].name});
    if (trees == 0) continue;
    importance.share = sums[i] / trees;
    importance.deviation =
        std::sqrt(std::max(0.0, squares[i] / trees - importance.share * importance.share));
  }
  std::stable_sort(importances.begin(), importances.end(),
                   [](const Importance& a, const Importance& b) { return a.share > b.share; });
  return importances;
}

}  // namespace dl::scheduler
