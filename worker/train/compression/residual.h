// Error feedback: what a compressor left out of a step, to be added to the next (Seide et al. 2014;
// Karimireddy et al. 2019).

#pragma once

#include <span>
#include <string>
#include <vector>

#include "worker/train/compression/compressor.h"

namespace dl::worker::train {

// One float for each gradient, laid out like the buckets: what a rank remembers of it.
class BucketFloats {
 public:
  // State is "<name>.<parameter>".
  BucketFloats(std::string name, const std::vector<BucketShape>& buckets);

  std::span<float> of(std::size_t bucket) { return values_.at(bucket); }
  std::vector<CompressorState> state();

 private:
  const std::string name_;
  const std::vector<BucketShape> buckets_;
  std::vector<std::vector<float>> values_;
};

class Residual : public BucketFloats {
 public:
  explicit Residual(const std::vector<BucketShape>& buckets) : BucketFloats("residual", buckets) {}

  // As Compressor::pay.
  void pay(std::size_t bucket, std::span<float> gradients);
};

std::size_t size_of(const BucketShape& bucket);

}  // namespace dl::worker::train
