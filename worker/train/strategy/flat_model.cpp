#include "worker/train/strategy/flat_model.h"

#include <algorithm>

namespace dl::worker::train {
namespace {

std::int64_t round_up(std::int64_t value, std::int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

std::vector<torch::Tensor> all_tensors(const Replica& replica) {
  std::vector<torch::Tensor> all = tensors_of(replica.parameters());
  for (const NamedTensor& buffer : replica.buffers()) all.push_back(buffer.tensor);
  return all;
}

}  // namespace

FlatModel::FlatModel(Replica& replica, std::int64_t pieces, const std::vector<std::string>& last) {
  const torch::NoGradGuard no_grad;
  std::vector<NamedTensor> parameters = replica.parameters();
  std::stable_partition(parameters.begin(), parameters.end(), [&](const NamedTensor& one) {
    return std::find(last.begin(), last.end(), one.name) == last.end();
  });
  std::int64_t length = 0;
  for (const NamedTensor& one : parameters) {
    TORCH_CHECK(one.tensor.scalar_type() == torch::kFloat32, "parameter ", one.name, " is of ",
                one.tensor.scalar_type(), "; this strategy exchanges parameters of float32 only");
    length += one.tensor.numel();
  }
  const auto options = torch::TensorOptions(replica.device()).dtype(torch::kFloat32);
  values = torch::zeros({round_up(length, pieces)}, options);
  gradients = torch::zeros({round_up(length, pieces)}, options);
  std::int64_t offset = 0;
  for (const NamedTensor& one : parameters) {
    torch::Tensor parameter = one.tensor;
    // The strides too: another memory format stays what it is.
    const auto view = [&](const torch::Tensor& flat) {
      return flat.as_strided(parameter.sizes(), parameter.strides(), offset);
    };
    const torch::Tensor place = view(values);
    place.copy_(parameter);
    const torch::Tensor gradient = view(gradients);
    parameter.set_data(place);
    parameter.mutable_grad() = gradient;
    offset += parameter.numel();
  }
  replica.forget_gradients();
}

void average(const Gang& gang, Replica& replica, FlatModel& model) {
  if (gang.size() == 1) return;
  const torch::NoGradGuard no_grad;
  gang.average(model.values);
  for (const NamedTensor& buffer : replica.buffers()) {
    if (buffer.tensor.is_floating_point()) {
      gang.average(buffer.tensor);
    } else {
      gang.broadcast(std::vector<torch::Tensor>{buffer.tensor});
    }
  }
}

OwnModel::OwnModel(const Replica& replica) : replica_(replica) {
  for (const auto* part : {&replica.parameters(), &replica.buffers()}) {
    for (const NamedTensor& one : *part) {
      tensors_.push_back({"own." + one.name, one.tensor.detach().clone()});
    }
  }
}

void OwnModel::set_aside() {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> all = all_tensors(replica_);
  for (std::size_t i = 0; i < all.size(); ++i) tensors_[i].tensor.copy_(all[i]);
}

void OwnModel::put_back() const {
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> all = all_tensors(replica_);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].copy_(tensors_[i].tensor);
}

}  // namespace dl::worker::train
