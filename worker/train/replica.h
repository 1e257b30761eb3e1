// A replica is one rank's copy of the model: it computes gradients, and knows nothing of peers.
// How replicas come to agree is a Strategy's (strategy/strategy.h).

#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "worker/train/gang.h"
#include "worker/train/models/model.h"
#include "worker/train/optimizer/optimizer.h"

namespace dl::worker::train {

// What one rank learns from in one step. Strategies pass it on and do not look inside.
struct Samples {
  torch::Tensor inputs;            // samples × …, as the model takes them.
  torch::Tensor labels;            // A class a sample, or one for each of its tokens.
  std::uint32_t global_count = 0;  // Of the step's batch over all ranks.
  std::uint32_t count() const { return static_cast<std::uint32_t>(inputs.size(0)); }
};

struct BackwardOptions {
  // Gradients and loss are sums over the samples ÷ this: global_count where ranks add up theirs.
  std::uint32_t divisor = 1;
  // The gradients alone, times this, for an exchange that divides them again.
  double scale = 1;
  // Called before the last backward pass of the step, when an exchange that overlaps with it is
  // to begin; empty: nothing to call.
  std::function<void()> before_last;
  // Gradients are put into new tensors, which saves zeroing and adding: for whoever does not hold
  // on to the ones there are. An exchange with buckets puts them back into these.
  bool anew = false;
};

class Replica {
 public:
  // Moves `model` to `device`. The spec says how it computes: precision, channels_last,
  // accumulate_steps and label_smoothing.
  Replica(std::shared_ptr<Model> model, torch::Device device, const TrainSpec& spec = {});

  // What the model makes of the inputs, in float32. The inputs may be on any device.
  torch::Tensor scores(const torch::Tensor& inputs);

  // Forward and backward over `samples`. Leaves the gradients in gradients(), multiplied by the
  // loss scale, and returns the loss as `options.divisor` counts it.
  //
  // The samples are taken in train.accumulate_steps equal pieces, whose gradients are added up, and
  // on the CPU in more where a piece would have over kPiece samples. One rank with two pieces then
  // does the very sums of two ranks with one each: a run does not change when it moves from one
  // worker to two. (Without it the last bits differ, and within fifty steps some maximum or ReLU
  // tips over and the losses part.) Models with batch normalisation, whose result depends on what
  // is taken at once, are not cut further than accumulate_steps asks.
  torch::Tensor backward(const Samples& samples, const BackwardOptions& options);

  static constexpr std::int64_t kPiece = 64;

  void set_loss_scale(double scale) { loss_scale_ = scale; }

  Model& model() { return *model_; }
  torch::Device device() const { return device_; }
  const std::vector<NamedTensor>& parameters() const { return parameters_; }
  // What is neither learned nor the same on all ranks: running statistics of batch normalisation.
  const std::vector<NamedTensor>& buffers() const { return buffers_; }
  // Of the last backward(), in the order of parameters(). They may be views of an exchange's
  // buckets: zero them in place, never replace them.
  const std::vector<torch::Tensor>& gradients();
  // The exchange has put other tensors in their place.
  void forget_gradients() { gradients_.clear(); }

  // Makes all replicas equal to rank 0's, parameters and buffers.
  void broadcast(const Gang& gang) const;
  void broadcast_buffers(const Gang& gang) const;

  // CRC-32C of all parameters and buffers: equal where the replicas are.
  std::uint32_t checksum() const;

 private:
  std::int64_t pieces_of(std::int64_t count) const;
  torch::Tensor backward_piece(const torch::Tensor& inputs, const torch::Tensor& labels,
                               const BackwardOptions& options);

  std::shared_ptr<Model> model_;
  torch::Device device_;
  torch::ScalarType precision_;
  bool channels_last_ = false;
  std::int64_t accumulate_steps_;
  double label_smoothing_;
  double loss_scale_ = 1;
  std::vector<NamedTensor> parameters_;
  std::vector<NamedTensor> buffers_;
  std::vector<torch::Tensor> gradients_;
};

// The tensors alone, without their names.
std::vector<torch::Tensor> tensors_of(const std::vector<NamedTensor>& named);

}  // namespace dl::worker::train
