// NCCL for tensors on GPUs, from a plug-in that is opened only where it is wanted: the worker
// itself links nothing of CUDA.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include "base/result.h"
#include "worker/transport/mesh.h"

namespace dl::worker::collective {

struct NcclOptions {
  transport::Rank rank = 0;
  std::uint32_t world_size = 1;
  std::string store_host;        // Of rank 0; NCCL's ranks exchange their first words there.
  std::uint16_t store_port = 0;  // ClusterSpec::master_port.
  std::chrono::milliseconds timeout{60000};
  std::string plugin;  // Path of libdl_nccl.so; empty: default_nccl_plugin().
};

// Beside the running program, or in ../lib from there, as it is installed.
std::string default_nccl_plugin();

// What ProcessGroup::setBackend takes for c10::DeviceType::CUDA. The plug-in stays open.
//   kNotFound            there is no such plug-in; this build has none.
//   kFailedPrecondition  it does not load here: CUDA's libraries are missing, and it says which.
//   kUnavailable         the ranks did not meet, or NCCL refused.
Result<c10::intrusive_ptr<c10d::Backend>> make_nccl_backend(const NcclOptions& options);

}  // namespace dl::worker::collective
