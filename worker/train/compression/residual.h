// Error feedback: what a compressor left out of a step, to be added to the next (Seide et al. 2014;
// Karimireddy et al. 2019).

#pragma once

#include <span>
#include <string>
#include <vector>

#include "worker/train/compression/compressor.h"

namespace dl::worker::train {

// One float for each gradient, laid out like the buckets.
class Residual {
 public:
  explicit Residual(const std::vector<BucketShape>& buckets);

  std::span<float> of(std::size_t bucket) { return values_.at(bucket); }
  void pay(std::size_t bucket, std::span<float> gradients);
  std::vector<CompressorState> state();

 private:
  const std::vector<BucketShape> buckets_;
  std::vector<std::vector<float>> values_;
};

std::size_t size_of(const BucketShape& bucket);

}  // namespace dl::worker::train
