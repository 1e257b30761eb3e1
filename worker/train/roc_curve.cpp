#include "worker/train/roc_curve.h"

#include <algorithm>

namespace dl::worker::train {

void RocCurve::add(std::span<const float> scores, std::span<const std::int64_t> classes) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const float score = scores[i] > 0 ? std::min(scores[i], 1.0f) : 0.0f;
    const auto bin = std::min(static_cast<std::size_t>(score * kBins), kBins - 1);
    counts_[(classes[i] == 1 ? kBins : 0) + bin] += 1;
  }
}

double RocCurve::area() const {
  double below = 0;  // Samples of class 0 in lower bins.
  double ones = 0;
  double won = 0;  // Pairs that are in the right order; those of one bin count half.
  for (std::size_t bin = 0; bin < kBins; ++bin) {
    const double zero = counts_[bin];
    const double one = counts_[kBins + bin];
    won += one * (below + zero / 2);
    below += zero;
    ones += one;
  }
  return below > 0 && ones > 0 ? won / (below * ones) : 0.5;
}

}  // namespace dl::worker::train
