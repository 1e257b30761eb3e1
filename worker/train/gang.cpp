#include "worker/train/gang.h"

namespace dl::worker::train {

std::vector<double> Gang::sum(const std::vector<double>& values) const {
  if (!group_) return values;
  std::vector<at::Tensor> tensors = {torch::tensor(values, torch::kFloat64).to(device_)};
  group_->allreduce(tensors)->wait();
  const torch::Tensor result = tensors[0].cpu();
  return {result.data_ptr<double>(), result.data_ptr<double>() + result.numel()};
}

std::vector<std::int64_t> Gang::broadcast(const std::vector<std::int64_t>& values) const {
  if (!group_) return values;
  std::vector<at::Tensor> tensors = {torch::tensor(values, torch::kInt64).to(device_)};
  group_->broadcast(tensors)->wait();
  const torch::Tensor result = tensors[0].cpu();
  return {result.data_ptr<std::int64_t>(), result.data_ptr<std::int64_t>() + result.numel()};
}

void Gang::broadcast(const std::vector<torch::Tensor>& tensors) const {
  if (!group_) return;
  const torch::NoGradGuard no_grad;
  for (const torch::Tensor& tensor : tensors) {
    torch::Tensor flat = tensor.detach();
    std::vector<at::Tensor> one = {flat.is_contiguous() ? flat : flat.contiguous()};
    group_->broadcast(one)->wait();
    if (!one[0].is_same(flat)) flat.copy_(one[0]);
  }
}

}  // namespace dl::worker::train
