#include "worker/train/gang.h"

namespace dl::worker::train {

std::vector<double> Gang::sum(const std::vector<double>& values) const {
  if (!group_) return values;
  std::vector<at::Tensor> tensors = {torch::tensor(values, torch::kFloat64).to(device_)};
  group_->allreduce(tensors)->wait();
  const torch::Tensor result = tensors[0].cpu();
  return {result.data_ptr<double>(), result.data_ptr<double>() + result.numel()};
}

std::vector<torch::Tensor> Gang::gather(const torch::Tensor& tensor) const {
  const torch::Tensor mine = tensor.detach().contiguous();
  if (!group_) return {mine};
  std::vector<at::Tensor> inputs = {mine};
  std::vector<std::vector<at::Tensor>> places(1);
  for (std::uint32_t rank = 0; rank < size(); ++rank) places[0].push_back(torch::empty_like(mine));
  group_->allgather(places, inputs)->wait();
  return places[0];
}

std::vector<std::vector<std::int64_t>> Gang::gather(const std::vector<std::int64_t>& values) const {
  std::vector<std::vector<std::int64_t>> all;
  for (const torch::Tensor& place : gather(torch::tensor(values, torch::kInt64).to(device_))) {
    const torch::Tensor here = place.cpu();
    all.emplace_back(here.data_ptr<std::int64_t>(), here.data_ptr<std::int64_t>() + here.numel());
  }
  return all;
}

std::vector<std::int64_t> Gang::broadcast(const std::vector<std::int64_t>& values) const {
  if (!group_) return values;
  std::vector<at::Tensor> tensors = {torch::tensor(values, torch::kInt64).to(device_)};
  group_->broadcast(tensors)->wait();
  const torch::Tensor result = tensors[0].cpu();
  return {result.data_ptr<std::int64_t>(), result.data_ptr<std::int64_t>() + result.numel()};
}

void Gang::average(const torch::Tensor& tensor) const {
  if (!group_) return;
  const torch::NoGradGuard no_grad;
  c10d::AllreduceOptions options;
  options.reduceOp = c10d::ReduceOp::AVG;
  const torch::Tensor flat = tensor.detach();
  std::vector<at::Tensor> one = {flat.is_contiguous() ? flat : flat.contiguous()};
  group_->allreduce(one, options)->wait();
  if (!one[0].is_same(flat)) flat.copy_(one[0]);
}

torch::Tensor Gang::sum_of_slices(const torch::Tensor& vector) const {
  if (!group_) return vector;
  torch::Tensor whole = vector.detach();
  torch::Tensor mine = torch::empty({whole.numel() / size()}, whole.options());
  group_->_reduce_scatter_base(mine, whole)->wait();
  return mine;
}

void Gang::gather_slices(const torch::Tensor& vector) const {
  if (!group_) return;
  const std::int64_t length = vector.numel() / size();
  torch::Tensor whole = vector.detach();
  torch::Tensor mine = whole.narrow(0, length * rank(), length);
  group_->_allgather_base(whole, mine)->wait();
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
