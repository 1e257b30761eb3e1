#include "worker/train/evaluate.h"

#include <cmath>
#include <numeric>

#include "worker/train/roc_curve.h"

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

// What one rank's part adds up to, and then the whole gang's.
struct Sums {
  double loss = 0;
  double correct = 0;
  double labels = 0;
  double samples = 0;
  RocCurve curve;  // Of a model whose metric is the area under it.
};

void add(Sums& sums, const torch::Tensor& scores, const torch::Tensor& labels, Metric metric) {
  sums.loss += sum_of_losses(scores, labels).item<double>();
  sums.correct += static_cast<double>(scores.argmax(-1).eq(labels).sum().item<std::int64_t>());
  sums.labels += static_cast<double>(labels.numel());
  sums.samples += static_cast<double>(labels.size(0));
  if (metric != Metric::kAuc) return;
  const torch::Tensor of_one = scores.softmax(1).select(1, 1).cpu().contiguous();
  const torch::Tensor truth = labels.cpu();
  sums.curve.add({of_one.const_data_ptr<float>(), static_cast<std::size_t>(of_one.numel())},
                 {truth.const_data_ptr<std::int64_t>(), static_cast<std::size_t>(truth.numel())});
}

Evaluation finish(const Sums& mine, Metric metric, const Gang& gang) {
  const std::vector<double> total = gang.sum({mine.loss, mine.correct, mine.labels, mine.samples});
  Evaluation evaluation{.loss = total[0] / total[2],
                        .accuracy = total[1] / total[2],
                        .samples = static_cast<std::uint64_t>(total[3])};
  if (metric == Metric::kAuc) {
    evaluation.more.emplace_back("auc", RocCurve(gang.sum(mine.curve.counts())).area());
  } else if (metric == Metric::kPerplexity) {
    evaluation.more.emplace_back("perplexity", std::exp(evaluation.loss));
  }
  return evaluation;
}

}  // namespace

Samples samples_of(const Batch& batch, const Dataset& dataset) {
  const SampleShape shape = dataset.shape();
  const std::int64_t count = batch.count;
  Samples samples{.inputs = {}, .labels = {}, .global_count = batch.global_count};
  if (shape.is_image()) {
    samples.inputs =
        torch::from_blob(batch.images, {count, shape.channels, shape.height, shape.width});
  } else {
    samples.inputs = torch::from_blob(batch.ids, {count, shape.ids}, torch::kInt64);
  }
  samples.labels = shape.labels == 1
                       ? torch::from_blob(batch.labels, {count}, torch::kInt64)
                       : torch::from_blob(batch.labels, {count, shape.labels}, torch::kInt64);
  return samples;
}

torch::Tensor sum_of_losses(const torch::Tensor& scores, const torch::Tensor& labels,
                            double label_smoothing) {
  return at::cross_entropy_loss(scores.flatten(0, -2), labels.flatten(), /*weight=*/{},
                                at::Reduction::Sum, /*ignore_index=*/-100, label_smoothing);
}

Evaluation evaluate(Replica& replica, const Gang& gang, std::shared_ptr<const Dataset> dataset,
                    std::uint32_t batch_size) {
  replica.broadcast_buffers(gang);
  const torch::NoGradGuard no_grad;
  replica.model().eval();
  const Metric metric = replica.model().metric();
  std::vector<std::uint32_t> order(dataset->size());
  std::iota(order.begin(), order.end(), 0u);
  Loader loader(dataset, std::move(order), shares_of(dataset->size(), gang, batch_size), {});
  Sums sums;
  while (const Batch* batch = loader.next()) {
    const Samples samples = samples_of(*batch, *dataset);
    add(sums, replica.scores(samples.inputs), samples.labels.to(replica.device()), metric);
  }
  replica.model().train();
  return finish(sums, metric, gang);
}

}  // namespace dl::worker::train
