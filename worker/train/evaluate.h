// Evaluation: how a model does on samples it was not trained on.

#pragma once

#include <memory>

#include "worker/train/data/loader.h"
#include "worker/train/replica.h"

namespace dl::worker::train {

struct Evaluation {
  double loss = 0;      // Mean over the samples.
  double accuracy = 0;  // Share of samples whose class has the highest score.
  std::uint64_t samples = 0;
};

// Every sample once, each on one rank; the result is exact and the same on all ranks. Buffers
// become rank 0's first, so that all ranks judge the same model. `batch_size` is a rank's.
Evaluation evaluate(Replica& replica, const Gang& gang, std::shared_ptr<const Dataset> dataset,
                    std::uint32_t batch_size);

// The batch as tensors over its memory: valid as long as the batch is.
torch::Tensor images_of(const Batch& batch, const SampleShape& shape);
torch::Tensor labels_of(const Batch& batch);

}  // namespace dl::worker::train
