#include "worker/train/replica.h"

#include <algorithm>

#include "base/crc32c.h"
#include "worker/train/evaluate.h"

namespace dl::worker::train {
namespace {

std::vector<torch::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<torch::Tensor> tensors;
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

}  // namespace

Replica::Replica(std::shared_ptr<Model> model, const Gang& gang, torch::Device device,
                 std::uint32_t bucket_bytes)
    : model_(std::move(model)), device_(device), group_(gang.group()), world_size_(gang.size()) {
  model_->to(device);
  for (const auto& item : model_->named_parameters()) {
    parameters_.push_back({item.key(), item.value()});
  }
  for (const auto& item : model_->named_buffers()) buffers_.push_back({item.key(), item.value()});
  if (group_) make_reducer(bucket_bytes);
}

void Replica::make_reducer(std::uint32_t bucket_bytes) {
  const std::vector<torch::Tensor> parameters = tensors_of(parameters_);
  // A small first bucket lets the exchange begin early. Gradients come in reverse order.
  const std::size_t first = std::min<std::size_t>(bucket_bytes, c10d::kDefaultFirstBucketBytes);
  auto [buckets, limits] =
      c10d::compute_bucket_assignment_by_size(parameters, {first, bucket_bytes});
  std::reverse(buckets.begin(), buckets.end());
  buckets_ = buckets;
  std::unordered_map<std::size_t, std::string> names;
  for (std::size_t i = 0; i < parameters_.size(); ++i) names[i] = parameters_[i].name;
  reducer_ = std::make_unique<c10d::Reducer>(
      parameters, buckets, group_, std::vector<bool>(parameters.size(), false), bucket_bytes,
      /*find_unused_parameters=*/false, /*gradient_as_bucket_view=*/true, names,
      static_cast<std::int64_t>(first), /*skip_all_reduce_unused_params=*/false,
      /*use_python_reducer=*/false, std::vector<std::int64_t>{});
}

torch::Tensor Replica::backward(const torch::Tensor& inputs, const torch::Tensor& labels,
                                std::uint32_t global_count) {
  if (!gradients_.empty()) at::_foreach_zero_(gradients_);
  const std::int64_t count = inputs.size(0);
  const bool whole = device_.is_cuda() || !buffers_.empty();
  const std::int64_t pieces = whole ? 1 : (count + kPiece - 1) / kPiece;
  torch::Tensor loss = torch::zeros({}, torch::TensorOptions(device_));
  for (std::int64_t i = 0; i < pieces; ++i) {
    const std::int64_t begin = count * i / pieces;
    const std::int64_t end = count * (i + 1) / pieces;
    loss.add_(backward_piece(inputs.slice(0, begin, end), labels.slice(0, begin, end), global_count,
                             i + 1 == pieces));
  }
  if (gradients_.empty()) collect_gradients();
  return loss;
}

torch::Tensor Replica::backward_piece(const torch::Tensor& inputs, const torch::Tensor& labels,
                                      std::uint32_t global_count, bool last) {
  const torch::Tensor scores = model_->forward(inputs.to(device_));
  const torch::Tensor sum = sum_of_losses(scores, labels.to(device_));
  const double labels_each = static_cast<double>(labels.numel() / labels.size(0));
  const torch::Tensor part = sum * (1.0 / (global_count * labels_each));
  // Before the last piece the reducer is not told, and gradients are added up here alone. It
  // divides by the number of ranks what it sums over them.
  if (reducer_ && last) reducer_->prepare_for_backward({});
  (part * world_size_).backward();
  return part.detach();
}

void Replica::collect_gradients() {
  // The reducer wants to order its buckets anew after the first step. A resumed run would then
  // sum its first step in another order than the uninterrupted one, so the buckets are put back.
  if (reducer_ && reducer_->rebuild_buckets()) reducer_->initialize_buckets(buckets_);
  for (const NamedTensor& parameter : parameters_) gradients_.push_back(parameter.tensor.grad());
}

void Replica::broadcast(const Gang& gang) const {
  gang.broadcast(tensors_of(parameters_));
  broadcast_buffers(gang);
}

std::uint32_t Replica::checksum() const {
  std::uint32_t crc = 0;
  for (const auto* part : {&parameters_, &buffers_}) {
    for (const NamedTensor& one : *part) {
      const torch::Tensor here = one.tensor.detach().cpu().contiguous();
      crc = crc32c({static_cast<const std::byte*>(here.const_data_ptr()), here.nbytes()}, crc);
    }
  }
  return crc;
}

void Replica::broadcast_buffers(const Gang& gang) const { gang.broadcast(tensors_of(buffers_)); }

}  // namespace dl::worker::train
