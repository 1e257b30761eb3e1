#include "worker/train/replica.h"

#include <ATen/autocast_mode.h>

#include <algorithm>

#include "base/crc32c.h"
#include "worker/train/evaluate.h"

namespace dl::worker::train {

std::vector<torch::Tensor> tensors_of(const std::vector<NamedTensor>& named) {
  std::vector<torch::Tensor> tensors;
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

namespace {

torch::ScalarType type_of(const std::string& precision) {
  if (precision == "bfloat16") return torch::kBFloat16;
  if (precision == "float16") return torch::kFloat16;
  return torch::kFloat32;
}

// While it lives, operations that are safe in `type` compute in it.
class Autocast {
 public:
  Autocast(torch::Device device, torch::ScalarType type)
      : device_(device.type()), active_(type != torch::kFloat32) {
    if (!active_) return;
    at::autocast::increment_nesting();
    at::autocast::set_autocast_dtype(device_, type);
    at::autocast::set_autocast_enabled(device_, true);
  }
  ~Autocast() {
    if (!active_) return;
    at::autocast::set_autocast_enabled(device_, false);
    // What it remembers of parameters is of this step.
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType device_;
  bool active_;
};

// The weights of convolutions. Other tensors of a model have fewer dimensions.
bool has_channels(const torch::Tensor& tensor) { return tensor.dim() == 4; }

}  // namespace

Replica::Replica(std::shared_ptr<Model> model, torch::Device device, const TrainSpec& spec)
    : model_(std::move(model)),
      device_(device),
      precision_(type_of(spec.precision)),
      accumulate_steps_(spec.accumulate_steps),
      label_smoothing_(spec.label_smoothing) {
  model_->to(device);
  for (const auto& item : model_->named_parameters()) {
    parameters_.push_back({item.key(), item.value()});
  }
  for (const auto& item : model_->named_buffers()) buffers_.push_back({item.key(), item.value()});
  if (spec.channels_last == "false") return;
  for (NamedTensor& parameter : parameters_) {
    if (!has_channels(parameter.tensor)) continue;
    channels_last_ = true;
    // Not contiguous(): a 1 x 1 kernel is contiguous either way, and its gradient would not have
    // the strides of its parameter, which costs a copy.
    const torch::Tensor last =
        torch::empty_like(parameter.tensor, torch::MemoryFormat::ChannelsLast);
    parameter.tensor.set_data(last.copy_(parameter.tensor.detach()));
  }
}

torch::Tensor Replica::scores(const torch::Tensor& inputs) {
  torch::Tensor here = inputs.to(device_);
  if (channels_last_ && has_channels(here)) {
    here = here.contiguous(torch::MemoryFormat::ChannelsLast);
  }
  const Autocast autocast(device_, precision_);
  return model_->forward(here).to(torch::kFloat32);
}

std::int64_t Replica::pieces_of(std::int64_t count) const {
  const bool whole = device_.is_cuda() || !buffers_.empty();
  const std::int64_t size = std::max<std::int64_t>(count / accumulate_steps_, 1);
  const std::int64_t of_each = whole ? 1 : (size + kPiece - 1) / kPiece;
  // The last batch of an epoch may have fewer samples than there are pieces to be; batch
  // normalisation needs two in each.
  return std::min(accumulate_steps_ * of_each, std::max<std::int64_t>(count / 2, 1));
}

torch::Tensor Replica::backward(const Samples& samples, const BackwardOptions& options) {
  if (options.anew) {
    for (NamedTensor& parameter : parameters_) parameter.tensor.mutable_grad().reset();
    gradients_.clear();
  } else if (!gradients_.empty()) {
    at::_foreach_zero_(gradients_);
  }
  const std::int64_t count = samples.inputs.size(0);
  const std::int64_t pieces = pieces_of(count);
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
  const torch::Tensor sum = sum_of_losses(scores(inputs), labels.to(device_), label_smoothing_);
  const double labels_each = static_cast<double>(labels.numel() / labels.size(0));
  const torch::Tensor part = sum * (1.0 / (options.divisor * labels_each));
  if (options.before_last) options.before_last();
  (part * (options.scale * loss_scale_)).backward();
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
