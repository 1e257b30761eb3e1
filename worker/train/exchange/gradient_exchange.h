// The exchange of gradients over a process group while they are computed: PyTorch's c10d::Reducer
// gathers them in buckets, and a bucket travels while the backward pass computes the next.
//
// On the CPU buckets go by a BucketLine, which compresses them where the spec says so; whether that
// pays, and which size of buckets does, is found out in the first steps where the spec leaves it
// open. On GPUs they go as they are, by NCCL.

#pragma once

#include <torch/torch.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#include <vector>

#include "model/job_spec.h"
#include "worker/train/exchange/communication_meter.h"
#include "worker/train/exchange/tuning.h"
#include "worker/train/replica.h"

namespace dl::worker::train {

class GradientExchange {
 public:
  using Note = std::function<void(const std::string& sentence)>;

  // For a gang of one there is nothing to exchange, and all below does nothing. `note` hears what
  // was chosen, and why.
  GradientExchange(Replica& replica, const Gang& gang, const JobSpec& spec, Note note);

  // A backward pass whose gradients are summed over the ranks: those of the mean loss over the
  // whole batch. Returns this rank's part of that loss: the sum of the parts is the loss. `step`
  // counts over the whole run.
  torch::Tensor backward(const Samples& samples, std::uint64_t step);

  // What the optimizer is to be made of: the job's `train`, without the momentum that a compressor
  // has taken over.
  const TrainSpec& optimizer_spec() const { return optimizer_spec_; }

  // What a resumed run needs in order to go on with the same bits: what was chosen and what
  // compression owes, the same on all ranks and each rank's own. Views, until the next backward().
  std::vector<NamedTensor> state();
  std::vector<NamedTensor> own_state();
  // After a checkpoint was read into them.
  void resume();

  // As CommunicationMeter has it, and train.bucket_bytes, of the steps since the last call.
  std::vector<Scalar> metrics();

  // Whether there are peers to exchange with.
  bool active() const { return gang_.group().defined(); }

 private:
  void use(const Setting& setting);
  void make_reducer();
  void keep_bucket_order();
  torch::Tensor backward(const Samples& samples);
  void agree();
  std::vector<BucketShape> shapes() const;

  Replica& replica_;
  const Gang& gang_;
  const CompressionSpec compression_;
  const double momentum_;  // Of the compressor.
  const TrainSpec optimizer_spec_;
  const Note note_;
  Tuning tuning_;
  const bool chooses_;
  CommunicationMeter meter_;
  std::optional<BucketLine> line_;
  Setting setting_;       // Of the reducer.
  torch::Tensor chosen_;  // Whether, the size, whether compressed: for checkpoints.
  std::vector<std::vector<std::size_t>> buckets_;
  std::unique_ptr<c10d::Reducer> reducer_;  // After the line, which it calls.
  bool fresh_ = true;                       // The reducer has made no step yet.
};

}  // namespace dl::worker::train
