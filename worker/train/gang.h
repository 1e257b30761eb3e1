// A gang as its ranks see it: who they are, and the few collectives that training needs besides
// the exchange of gradients. A gang of one needs no peers and no ring.

#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <vector>

namespace dl::worker::train {

using ProcessGroup = c10::intrusive_ptr<c10d::ProcessGroup>;

class Gang {
 public:
  Gang() = default;  // Of one.
  // `device` is where the group's collectives take their tensors.
  Gang(ProcessGroup group, torch::Device device) : group_(std::move(group)), device_(device) {}

  std::uint32_t rank() const { return group_ ? static_cast<std::uint32_t>(group_->getRank()) : 0; }
  std::uint32_t size() const { return group_ ? static_cast<std::uint32_t>(group_->getSize()) : 1; }
  bool leads() const { return rank() == 0; }
  // Null for a gang of one.
  const ProcessGroup& group() const { return group_; }

  // The sum over the ranks of each value, the same on all of them.
  // These throw c10::DistError when a peer is lost.
  std::vector<double> sum(const std::vector<double>& values) const;
  // The values of every rank, which has as many as the others, by rank; on all of them.
  std::vector<std::vector<std::int64_t>> gather(const std::vector<std::int64_t>& values) const;
  std::vector<torch::Tensor> gather(const torch::Tensor& tensor) const;
  // Rank 0's values, on every rank.
  std::vector<std::int64_t> broadcast(const std::vector<std::int64_t>& values) const;
  // Makes the tensor, of floats, the mean of those of all ranks.
  void average(const torch::Tensor& tensor) const;
  // A vector is cut in as many slices as there are ranks, which divide its length. Slice number
  // rank() of the sum over the ranks, the vector staying as it is; and back, the whole vector from
  // every rank's slice of it.
  torch::Tensor sum_of_slices(const torch::Tensor& vector) const;
  void gather_slices(const torch::Tensor& vector) const;
  // Makes the tensors' contents those of rank 0.
  void broadcast(const std::vector<torch::Tensor>& tensors) const;

 private:
  ProcessGroup group_;
  torch::Device device_ = torch::kCPU;
};

}  // namespace dl::worker::train
