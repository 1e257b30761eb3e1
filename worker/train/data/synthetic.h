// Synthetic images: made from a seed, without a file, for benchmarks and tests.
//
// Every class has a coarse pattern of its own and every sample is its class's pattern under noise,
// so that a model can learn them: a loss that does not fall is a fault of the training.

#pragma once

#include "worker/train/data/dataset.h"

namespace dl::worker::train {

// `spec.samples` training samples of `spec.shape`; as held-out samples `spec.validation_samples`,
// or a tenth of the training samples when that is 0. Sample i of a seed is always the same.
Result<Splits> make_synthetic(const DatasetRequest& request);

}  // namespace dl::worker::train
