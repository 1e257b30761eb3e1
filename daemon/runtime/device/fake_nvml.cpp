// A libnvidia-ml.so.1 for the tests. FAKE_NVML in the environment says what goes wrong:
// "init" (it does not start), "count", or "lost" (GPU 1 has fallen off the bus).

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

constexpr int kUnknown = 999;
constexpr int kDriverNotLoaded = 9;
constexpr int kGpuIsLost = 15;

bool fails(const char* where) {
  const char* what = std::getenv("FAKE_NVML");
  return what != nullptr && std::strcmp(what, where) == 0;
}

std::uintptr_t index_of(void* device) { return reinterpret_cast<std::uintptr_t>(device) - 1; }

}  // namespace

extern "C" {

int nvmlInit_v2() { return fails("init") ? kDriverNotLoaded : 0; }
int nvmlShutdown() { return 0; }

const char* nvmlErrorString(int status) {
  if (status == kDriverNotLoaded) return "Driver Not Loaded";
  return status == kGpuIsLost ? "GPU is lost" : "Unknown Error";
}

int nvmlDeviceGetCount_v2(unsigned* count) {
  *count = 3;
  return fails("count") ? kUnknown : 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
  if (index == 1 && fails("lost")) return kGpuIsLost;
  *device = reinterpret_cast<void*>(static_cast<std::uintptr_t>(index) + 1);
  return 0;
}

int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
  std::snprintf(text, size, "GPU-0000000%u-1111-2222-3333-444444444444",
                static_cast<unsigned>(index_of(device)));
  return 0;
}

int nvmlDeviceGetName(void*, char* text, unsigned size) {
  std::snprintf(text, size, "Fake H100");
  return 0;
}

int nvmlDeviceGetMemoryInfo(void*, unsigned long long* total_free_used) {
  total_free_used[0] = 80ULL << 30;
  total_free_used[1] = 79ULL << 30;
  total_free_used[2] = 1ULL << 30;
  return 0;
}
}
