// The parameters of a replica, and their gradients, as one vector each: what strategies work on
// that exchange a whole model at once. The replica's tensors become views of them, so nothing is
// copied before it travels.

#pragma once

#include <string>
#include <vector>

#include "worker/train/replica.h"

namespace dl::worker::train {

struct FlatModel {
  // In the order of the parameters, but that those called `last` come last. Rounds the length up to
  // a multiple of `pieces`; what is added stays zero. Throws when a parameter is not of float32.
  explicit FlatModel(Replica& replica, std::int64_t pieces = 1,
                     const std::vector<std::string>& last = {});

  torch::Tensor values;
  torch::Tensor gradients;
};

// Makes the parameters, and the buffers that are floats, the mean of those of all ranks; other
// buffers those of rank 0.
void average(const Gang& gang, Replica& replica, FlatModel& model);

// A replica's values set aside, while it is another model.
class OwnModel {
 public:
  explicit OwnModel(const Replica& replica);

  void set_aside();       // From the replica.
  void put_back() const;  // Into the replica.
  // "own.fc1.weight", …: for a checkpoint.
  const std::vector<NamedTensor>& tensors() const { return tensors_; }

 private:
  const Replica& replica_;
  std::vector<NamedTensor> tensors_;
};

}  // namespace dl::worker::train
