// The ROC curve of a score that tells two classes apart, gathered in bins so that ranks can add up
// theirs: the area under it is the chance that a sample of class 1 scores above one of class 0.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace dl::worker::train {

class RocCurve {
 public:
  static constexpr std::size_t kBins = 4096;  // Scores that share one count as equal.

  RocCurve() : counts_(2 * kBins) {}
  // From the counts() of one or the sum of several.
  explicit RocCurve(std::vector<double> counts) : counts_(std::move(counts)) {}

  // Scores in [0, 1] and the classes, 0 or 1, of as many samples. NaN counts as 0.
  void add(std::span<const float> scores, std::span<const std::int64_t> classes);

  // Samples of class 0 by bin, then those of class 1.
  const std::vector<double>& counts() const { return counts_; }

  // 0.5 when a class has no samples: nothing is known then.
  double area() const;

 private:
  std::vector<double> counts_;
};

}  // namespace dl::worker::train
