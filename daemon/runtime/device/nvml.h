// The GPUs of this machine, as NVIDIA's management library tells. It is opened at run time, so
// that one build serves machines with and without it; the declarations are our own.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/cluster.h"

namespace dl::runtime::device {

struct GpuReport {
  std::vector<Gpu> gpus;              // Ascending by index.
  std::vector<std::string> problems;  // One sentence a GPU that is there and cannot be used.
};

// Asks libnvidia-ml.so.1, or the library at `path`.
//
// kNotFound     there is no such library: a machine without a driver.
// kUnavailable  the library is there and does not work, with its own words.
Result<GpuReport> read_gpus(const std::string& path = "libnvidia-ml.so.1");

}  // namespace dl::runtime::device
