#include "worker/train/evaluate.h"

#include <numeric>

namespace dl::worker::train {
namespace {

// This rank's samples, a contiguous part, in batches.
std::vector<Share> shares_of(std::uint64_t samples, const Gang& gang, std::uint32_t batch_size) {
  const std::uint64_t begin = samples * gang.rank() / gang.size();
  const std::uint64_t end = samples * (gang.rank() + 1) / gang.size();
  std::vector<Share> shares;
  for (std::uint64_t at = begin; at < end; at += batch_size) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(batch_size, end - at));
    shares.push_back({.begin = at, .count = count, .global_count = count});
  }
  return shares;
}

}  // namespace

torch::Tensor images_of(const Batch& batch, const SampleShape& shape) {
  return torch::from_blob(batch.images, {batch.count, shape.channels, shape.height, shape.width});
}

torch::Tensor labels_of(const Batch& batch) {
  return torch::from_blob(batch.labels, {batch.count}, torch::kInt64);
}

Evaluation evaluate(Replica& replica, const Gang& gang, std::shared_ptr<const Dataset> dataset,
                    std::uint32_t batch_size) {
  replica.broadcast_buffers(gang);
  const torch::NoGradGuard no_grad;
  replica.model().eval();
  std::vector<std::uint32_t> order(dataset->size());
  std::iota(order.begin(), order.end(), 0u);
  Loader loader(dataset, std::move(order), shares_of(dataset->size(), gang, batch_size), {});

  double loss = 0;
  double correct = 0;
  double count = 0;
  while (const Batch* batch = loader.next()) {
    const torch::Tensor labels = labels_of(*batch).to(replica.device());
    const torch::Tensor scores =
        replica.model().forward(images_of(*batch, dataset->shape()).to(replica.device()));
    loss += at::cross_entropy_loss(scores, labels, {}, at::Reduction::Sum).item<double>();
    correct += scores.argmax(1).eq(labels).sum().item<double>();
    count += batch->count;
  }
  replica.model().train();
  const std::vector<double> total = gang.sum({loss, correct, count});
  return {.loss = total[0] / total[2],
          .accuracy = total[1] / total[2],
          .samples = static_cast<std::uint64_t>(total[2])};
}

}  // namespace dl::worker::train
