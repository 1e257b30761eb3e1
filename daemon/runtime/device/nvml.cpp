#include "daemon/runtime/device/nvml.h"

#include <dlfcn.h>

#include <array>
#include <memory>

namespace dl::runtime::device {
namespace {

// nvml.h's names and layouts; the functions return 0 or an error's number.
using Handle = struct NvmlDevice*;
struct Memory {
  unsigned long long total;
  unsigned long long free;
  unsigned long long used;
};
constexpr int kSuccess = 0;
constexpr unsigned kTextMax = 96;

struct Nvml {
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  const char* (*error_string)(int) = nullptr;
  int (*count)(unsigned*) = nullptr;
  int (*handle)(unsigned, Handle*) = nullptr;
  int (*uuid)(Handle, char*, unsigned) = nullptr;
  int (*name)(Handle, char*, unsigned) = nullptr;
  int (*memory)(Handle, Memory*) = nullptr;
};

using Library = std::unique_ptr<void, int (*)(void*)>;

template <class Function>
bool look_up(void* library, const char* symbol, Function*& function) {
  function = reinterpret_cast<Function*>(::dlsym(library, symbol));
  return function != nullptr;
}

Result<Nvml> load(void* library) {
  Nvml nvml;
  const bool complete = look_up(library, "nvmlInit_v2", nvml.init) &&
                        look_up(library, "nvmlShutdown", nvml.shutdown) &&
                        look_up(library, "nvmlErrorString", nvml.error_string) &&
                        look_up(library, "nvmlDeviceGetCount_v2", nvml.count) &&
                        look_up(library, "nvmlDeviceGetHandleByIndex_v2", nvml.handle) &&
                        look_up(library, "nvmlDeviceGetUUID", nvml.uuid) &&
                        look_up(library, "nvmlDeviceGetName", nvml.name) &&
                        look_up(library, "nvmlDeviceGetMemoryInfo", nvml.memory);
  if (!complete) return unavailable(std::string("NVML is too old: ") + ::dlerror());
  return nvml;
}

Result<Gpu> read_gpu(const Nvml& nvml, unsigned index) {
  Handle handle = nullptr;
  std::array<char, kTextMax> uuid{};
  std::array<char, kTextMax> name{};
  Memory memory{};
  int status = nvml.handle(index, &handle);
  if (status == kSuccess) status = nvml.uuid(handle, uuid.data(), kTextMax);
  if (status == kSuccess) status = nvml.name(handle, name.data(), kTextMax);
  if (status == kSuccess) status = nvml.memory(handle, &memory);
  if (status != kSuccess) {
    return unavailable("GPU " + std::to_string(index) + " is left out: " +
                       nvml.error_string(status) + "; see nvidia-smi and the kernel's log");
  }
  return Gpu{
      .index = index, .uuid = uuid.data(), .name = name.data(), .memory_bytes = memory.total};
}

Result<GpuReport> read_all(const Nvml& nvml) {
  GpuReport report;
  unsigned count = 0;
  if (const int status = nvml.count(&count); status != kSuccess) {
    return unavailable(std::string("NVML does not count the GPUs: ") + nvml.error_string(status));
  }
  for (unsigned index = 0; index < count; ++index) {
    auto gpu = read_gpu(nvml, index);
    if (gpu) {
      report.gpus.push_back(*std::move(gpu));
    } else {
      report.problems.push_back(gpu.error().message);
    }
  }
  return report;
}

}  // namespace

Result<GpuReport> read_gpus(const std::string& path) {
  const Library library(::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL), &::dlclose);
  if (!library) return not_found(std::string("no NVML: ") + ::dlerror());
  DL_TRY(const Nvml nvml, load(library.get()));
  if (const int status = nvml.init(); status != kSuccess) {
    return unavailable(std::string("NVML does not start: ") + nvml.error_string(status) +
                       "; check that the NVIDIA driver is loaded");
  }
  auto report = read_all(nvml);
  nvml.shutdown();
  return report;
}

}  // namespace dl::runtime::device
