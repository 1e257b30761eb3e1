#include "worker/collective/nccl_backend.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>

#include "worker/collective/nccl/plugin.h"

namespace dl::worker::collective {
namespace {

constexpr const char* kPluginName = "libdl_nccl.so";

using MakeBackend = decltype(&dl_nccl_make_backend);

Result<MakeBackend> open_plugin(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    return not_found("NCCL plug-in " + path +
                     " does not exist; build with the CUDA and NCCL headers installed, or train "
                     "without GPUs");
  }
  // Never closed: what it has registered with libtorch would outlive it.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* reason = ::dlerror();
    return Error{Code::kFailedPrecondition,
                 "NCCL plug-in " + path +
                     " does not load: " + (reason == nullptr ? "unknown reason" : reason) +
                     "; a GPU host needs the CUDA libraries that the torch wheel depends on"};
  }
  auto* symbol = ::dlsym(library, "dl_nccl_make_backend");
  if (symbol == nullptr) {
    return Error{Code::kFailedPrecondition,
                 path + " is no NCCL plug-in of this program: it lacks dl_nccl_make_backend"};
  }
  return reinterpret_cast<MakeBackend>(symbol);
}

}  // namespace

std::string default_nccl_plugin() {
  std::error_code ignored;  // Without /proc the name alone is tried, and reported if missing.
  const auto folder = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  const auto installed = folder.parent_path() / "lib" / kPluginName;
  return std::filesystem::exists(installed, ignored) ? installed : folder / kPluginName;
}

Result<c10::intrusive_ptr<c10d::Backend>> make_nccl_backend(const NcclOptions& options) {
  const std::string path = options.plugin.empty() ? default_nccl_plugin() : options.plugin;
  DL_TRY(const MakeBackend make_backend, open_plugin(path));
  const DlNcclOptions plugin_options = {.store_host = options.store_host.c_str(),
                                        .store_port = options.store_port,
                                        .rank = static_cast<int>(options.rank),
                                        .world_size = static_cast<int>(options.world_size),
                                        .timeout_ms = options.timeout.count()};
  c10d::Backend* backend = nullptr;
  std::array<char, 1024> error{};
  if (make_backend(&plugin_options, &backend, error.data(), error.size()) != 0) {
    return unavailable("NCCL on rank " + std::to_string(options.rank) + ", meeting at " +
                       options.store_host + ":" + std::to_string(options.store_port) + ": " +
                       error.data());
  }
  return c10::intrusive_ptr<c10d::Backend>::reclaim(backend);
}

}  // namespace dl::worker::collective
