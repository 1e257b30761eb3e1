#include "worker/train/compression/residual.h"

#include <algorithm>

#include "worker/train/compression/kernels/kernels.h"

namespace dl::worker::train {

std::size_t size_of(const BucketShape& bucket) {
  std::size_t size = 0;
  for (const GradientShape& gradient : bucket) size += gradient.size();
  return size;
}

BucketFloats::BucketFloats(std::string name, const std::vector<BucketShape>& buckets)
    : name_(std::move(name)), buckets_(buckets) {
  for (const BucketShape& bucket : buckets_) values_.emplace_back(size_of(bucket));
}

void Residual::pay(std::size_t bucket, std::span<float> gradients) {
  const kernels::Table& loops = kernels::table();
  const std::span<float> owed = of(bucket);
  if (!loops.finite(gradients.data(), gradients.size())) return;
  loops.add(owed.data(), gradients.data(), gradients.size());
  std::ranges::fill(owed, 0.0f);
}

std::vector<CompressorState> BucketFloats::state() {
  std::vector<CompressorState> state;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    std::span<float> rest = values_[i];
    for (const GradientShape& gradient : buckets_[i]) {
      state.push_back({.name = name_ + "." + gradient.name, .values = rest.first(gradient.size())});
      rest = rest.subspan(gradient.size());
    }
  }
  return state;
}

}  // namespace dl::worker::train
