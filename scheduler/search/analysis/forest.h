// A random forest: regression trees over the points of trials, each grown to its end on a bootstrap
// sample (Breiman 2001). A tree is kept as its leaves, which tile the space, because what is asked
// of it are integrals over the space (importance.h).

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "scheduler/search/random_stream.h"

namespace dl::scheduler {

// Along one axis: numbers of [0, 1], or so many categories with their probabilities.
struct ForestAxis {
  std::vector<double> weights;  // Of categories; empty: numbers.

  bool is_category() const { return !weights.empty(); }
};

struct ForestSample {
  std::vector<double> point;  // One per axis: a number in [0, 1], or the index of a category.
  double value = 0;
};

// What a leaf covers of one axis.
struct LeafSide {
  double low = 0;
  double high = 1;
  std::vector<bool> categories;

  // The probability that a random point is in it.
  double measure(const ForestAxis& axis) const;
};

struct Leaf {
  double value = 0;
  std::vector<LeafSide> sides;
};

// Splits where the squared error falls most, until all samples of a leaf have one value or one
// point. A numeric split is midway between two samples; the categories of a split are those whose
// means are least, and one that no sample has goes with the greater half.
std::vector<Leaf> grow_tree(std::span<const ForestAxis> axes,
                            std::span<const ForestSample> samples);

// As many samples as there are, drawn with replacement.
std::vector<ForestSample> bootstrap(std::span<const ForestSample> samples, RandomStream& random);

}  // namespace dl::scheduler
