// A replica is one rank's copy of the model. After every backward pass all replicas of a gang have
// the same gradients, so that they stay equal to the last bit.
//
// The exchange is PyTorch's c10d::Reducer: gradients are gathered in buckets, and a bucket travels
// while the backward pass computes the next.

#pragma once

#include <torch/torch.h>

#include <memory>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <vector>

#include "worker/train/gang.h"
#include "worker/train/models/model.h"
#include "worker/train/optimizer/optimizer.h"

namespace dl::worker::train {

class Replica {
 public:
  // Moves `model` to `device`. All ranks of `gang` do this together.
  Replica(std::shared_ptr<Model> model, const Gang& gang, torch::Device device,
          std::uint32_t bucket_bytes);

  // Forward and backward over this rank's share of a global batch of `global_count` samples.
  // Leaves in gradients() those of the mean loss over the global batch, and returns this rank's
  // part of that loss: the sum of the parts is the loss. Throws c10::DistError when a peer is lost.
  //
  // On the CPU a share is taken in equal pieces of at most kPiece samples, whose gradients are
  // added up. One rank with two pieces then does the very sums of two ranks with one each: a run
  // does not change when it moves from one worker to two. (Without it the last bits differ, and
  // within fifty steps some maximum or ReLU tips over and the losses part.) Models with batch
  // normalisation, whose result depends on what is taken at once, are given their share whole.
  torch::Tensor backward(const torch::Tensor& inputs, const torch::Tensor& labels,
                         std::uint32_t global_count);

  static constexpr std::int64_t kPiece = 64;

  Model& model() { return *model_; }
  torch::Device device() const { return device_; }
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  // In the order of parameters(). Views of the reducer's buckets: zero them in place, never
  // replace them.
  const std::vector<torch::Tensor>& gradients() const { return gradients_; }
  // What is neither learned nor the same on all ranks: running statistics of batch normalisation.
  const std::vector<NamedTensor>& buffers() const { return buffers_; }

  // Makes all replicas equal to rank 0's, parameters and buffers.
  void broadcast(const Gang& gang) const;
  void broadcast_buffers(const Gang& gang) const;

  // CRC-32C of all parameters and buffers: equal where the replicas are.
  std::uint32_t checksum() const;

 private:
  torch::Tensor backward_piece(const torch::Tensor& inputs, const torch::Tensor& labels,
                               std::uint32_t global_count, bool last);
  void make_reducer(std::uint32_t bucket_bytes);
  void collect_gradients();

  std::shared_ptr<Model> model_;
  torch::Device device_;
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
  std::vector<torch::Tensor> gradients_;
  ProcessGroup group_;
  double world_size_;
  std::vector<std::vector<std::size_t>> buckets_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

}  // namespace dl::worker::train
