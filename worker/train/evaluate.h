// Evaluation: how a model does on samples it was not trained on.

#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/train/data/loader.h"
#include "worker/train/replica.h"

namespace dl::worker::train {

struct Evaluation {
  double loss = 0;      // Mean over the labels.
  double accuracy = 0;  // Share of labels whose class has the highest score.
  std::uint64_t samples = 0;
  // What is customary for the model beside them: "auc" or "perplexity", or nothing.
  std::vector<std::pair<std::string, double>> more = {};
};

// Every sample once, each on one rank; the result is exact and the same on all ranks. Buffers
// become rank 0's first, so that all ranks judge the same model. `batch_size` is a rank's.
Evaluation evaluate(Replica& replica, const Gang& gang, std::shared_ptr<const Dataset> dataset,
                    std::uint32_t batch_size);

// The batch as tensors over its memory: valid as long as the batch is.
Samples samples_of(const Batch& batch, const Dataset& dataset);

// The loss of each label, added up. Scores as the model gives them. `label_smoothing` is the share
// of each label that is spread evenly over all classes (Szegedy et al. 2016, section 7).
torch::Tensor sum_of_losses(const torch::Tensor& scores, const torch::Tensor& labels,
                            double label_smoothing = 0);

}  // namespace dl::worker::train
