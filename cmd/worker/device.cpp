#include "cmd/worker/device.h"

#include <dlfcn.h>

namespace dl::worker {

train::Outcome<torch::Device> open_device(std::uint32_t gpus) {
  if (gpus == 0) return torch::Device(torch::kCPU);
  // Registers itself with libtorch, for as long as the process lives.
  if (dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    return Failure{FailureKind::kInfrastructure, "",
                   std::string("the task has a GPU, but libtorch's CUDA part cannot be opened: ") +
                       dlerror() + "; install CUDA's libraries on the node"};
  }
  if (!torch::cuda::is_available()) {
    return Failure{FailureKind::kInfrastructure, "",
                   "the task has a GPU, but CUDA finds none; look at nvidia-smi on the node"};
  }
  return torch::Device(torch::kCUDA, 0);
}

}  // namespace dl::worker
