#include "worker/collective/nccl/plugin.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <string>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

namespace {

c10::intrusive_ptr<c10d::Backend> make_backend(const DlNcclOptions& options) {
  const std::chrono::milliseconds timeout(options.timeout_ms);
  c10d::TCPStoreOptions store_options;
  store_options.port = options.store_port;
  store_options.isServer = options.rank == 0;
  store_options.numWorkers = static_cast<std::size_t>(options.world_size);
  store_options.timeout = timeout;
  auto store = c10::make_intrusive<c10d::TCPStore>(options.store_host, store_options);
  auto nccl_options = c10d::ProcessGroupNCCL::Options::create();
  nccl_options->timeout = timeout;
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(std::move(store), options.rank,
                                                     options.world_size, std::move(nccl_options));
}

void copy_text(const char* text, char* to, std::size_t bytes) {
  if (bytes == 0) return;
  const std::size_t n = std::min(std::strlen(text), bytes - 1);
  std::memcpy(to, text, n);
  to[n] = '\0';
}

}  // namespace

int dl_nccl_make_backend(const DlNcclOptions* options, c10d::Backend** backend, char* error,
                         std::size_t error_bytes) {
  try {
    *backend = make_backend(*options).release();
    return 0;
  } catch (const c10::Error& exception) {
    copy_text(exception.what_without_backtrace(), error, error_bytes);
  } catch (const std::exception& exception) {
    copy_text(exception.what(), error, error_bytes);
  }
  return 1;
}
