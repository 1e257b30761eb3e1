#include "worker/train/replica.h"

#include "base/crc32c.h"
#include "worker/train/evaluate.h"

namespace dl::worker::train {

std::vector<torch::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<torch::Tensor> tensors;
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

Replica::Replica(std::shared_ptr<Model> model, torch::Device device)
    : model_(std::move(model)), device_(device) {
  model_->to(device);
  for (const auto& item : model_->named_parameters()) {
    parameters_.push_back({item.key(), item.value()});
  }
  for (const auto& item : model_->named_buffers()) buffers_.push_back({item.key(), item.value()});
}

torch::Tensor Replica::backward(const Samples& samples, const BackwardOptions& options) {
  if (!gradients_.empty()) at::_foreach_zero_(gradients_);
  const std::int64_t count = samples.inputs.size(0);
  const bool whole = device_.is_cuda() || !buffers_.empty();
  const std::int64_t pieces = whole ? 1 : (count + kPiece - 1) / kPiece;
  torch::Tensor loss = torch::zeros({}, torch::TensorOptions(device_));
  for (std::int64_t i = 0; i < pieces; ++i) {
    const std::int64_t begin = count * i / pieces;
    const std::int64_t end = count * (i + 1) / pieces;
    // Before the last piece no exchange is told, and gradients are added up here alone.
    BackwardOptions piece = options;
    if (i + 1 < pieces) piece.before_last = nullptr;
    loss.add_(backward_piece(samples.inputs.slice(0, begin, end),
                             samples.labels.slice(0, begin, end), piece));
  }
  return loss;
}

torch::Tensor Replica::backward_piece(const torch::Tensor& inputs, const torch::Tensor& labels,
                                      const BackwardOptions& options) {
  const torch::Tensor scores = model_->forward(inputs.to(device_));
  const torch::Tensor sum = sum_of_losses(scores, labels.to(device_));
  const double labels_each = static_cast<double>(labels.numel() / labels.size(0));
  const torch::Tensor part = sum * (1.0 / (options.divisor * labels_each));
  if (options.before_last) options.before_last();
  (part * options.scale).backward();
  return part.detach();
}

const std::vector<torch::Tensor>& Replica::gradients() {
  if (gradients_.empty()) {
    for (const NamedTensor& parameter : parameters_) gradients_.push_back(parameter.tensor.grad());
  }
  return gradients_;
}

void Replica::broadcast(const Gang& gang) const {
  gang.broadcast(tensors_of(parameters_));
  broadcast_buffers(gang);
}

void Replica::broadcast_buffers(const Gang& gang) const { gang.broadcast(tensors_of(buffers_)); }

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

}  // namespace dl::worker::train
