// Where a task computes: on its GPU, through CUDA libraries that are opened at run time, or on the
// CPU. The same program serves machines with and without CUDA.

#pragma once

#include <torch/torch.h>

#include "worker/train/outcome.h"

namespace dl::worker {

// The first of the task's GPUs (the agent makes no others visible), or the CPU when it has none.
// kInfrastructure when it has GPUs and CUDA cannot be used.
train::Outcome<torch::Device> open_device(std::uint32_t gpus);

}  // namespace dl::worker
