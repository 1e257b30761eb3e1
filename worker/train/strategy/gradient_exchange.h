// The exchange of gradients over a process group while they are computed: PyTorch's c10d::Reducer
// gathers them in buckets, and a bucket travels while the backward pass computes the next.
//
// All ranks give the same bucket size, and the same hook or none, before the same step.

#pragma once

#include <torch/torch.h>

#include <chrono>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <vector>

#include "worker/train/replica.h"

namespace dl::worker::train {

class GradientExchange {
 public:
  // For a gang of one there is nothing to exchange, and all below does nothing.
  GradientExchange(Replica& replica, const Gang& gang, std::uint32_t bucket_bytes);

  // A backward pass whose gradients are summed over the ranks: those of the mean loss over the
  // whole batch. Returns this rank's part of that loss: the sum of the parts is the loss.
  torch::Tensor backward(const Samples& samples);

  // Takes effect with the next backward(). A hook (a compressor, c10d::CommHookInterface) is given
  // buckets that are not divided by the number of ranks, and answers with their *sum*: the loss
  // was divided by the whole batch. It stays over changes of the bucket size; `hook` makes it.
  using MakeHook = std::function<std::unique_ptr<c10d::CommHookInterface>()>;
  void set_hook(MakeHook hook);
  void set_bucket_bytes(std::uint32_t bucket_bytes);
  std::uint32_t bucket_bytes() const { return bucket_bytes_; }

  // Whether there are peers to exchange with.
  bool active() const { return group_.defined(); }

 private:
  void make_reducer();
  void keep_bucket_order();

  Replica& replica_;
  const ProcessGroup group_;
  std::uint32_t bucket_bytes_;
  double world_size_;
  MakeHook make_hook_;
  std::vector<std::vector<std::size_t>> buckets_;
  std::unique_ptr<c10d::Reducer> reducer_;
  bool fresh_ = true;  // The reducer has made no step yet.
};

}  // namespace dl::worker::train
