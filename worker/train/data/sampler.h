// The order of the samples: a permutation of the whole training set in every epoch, from the seed
// alone.
//
// Global batch k of an epoch is samples [k·B, (k+1)·B) of the permutation, and each rank takes its
// contiguous share of it. So the global batches are the same whatever the number of workers, and
// training can go on in the middle of an epoch with nothing more than the step's number.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"

namespace dl::worker::train {

struct SamplerOptions {
  std::uint64_t samples = 0;
  std::uint32_t batch_size = 0;  // Global.
  std::uint32_t workers = 1;
  std::uint64_t seed = 1;
};

// A rank's part of a global batch.
struct Share {
  std::uint64_t begin = 0;  // In the permutation.
  std::uint32_t count = 0;
  std::uint32_t global_count = 0;
};

// The last, partial batch of an epoch is trained on too, each sample with its full weight, if
// every rank gets at least two of its samples (batch normalisation needs two); a smaller one is
// left out in that epoch.
class Sampler {
 public:
  // kInvalidArgument when the samples are too few for a single step.
  static Result<Sampler> make(const SamplerOptions& options);

  std::uint64_t steps_per_epoch() const { return steps_; }

  // `step` counts from 0 within the epoch.
  Share share(std::uint64_t step, std::uint32_t rank) const;

  // Sample numbers in the order of `epoch`, which counts from 0.
  std::vector<std::uint32_t> permutation(std::uint64_t epoch) const;

 private:
  explicit Sampler(const SamplerOptions& options);

  SamplerOptions options_;
  std::uint64_t steps_ = 0;
};

}  // namespace dl::worker::train
