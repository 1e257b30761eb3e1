#include "worker/collective/nccl_backend.h"

#include <dlfcn.h>

#include <catch2/catch.hpp>
#include <filesystem>

namespace dl::worker::collective {
namespace {

TEST_CASE("a missing NCCL plug-in is named", "[c10d]") {
  const auto backend = make_nccl_backend({.plugin = "/nonexistent/libdl_nccl.so"});
  REQUIRE(!backend.has_value());
  CHECK(backend.error().code == Code::kNotFound);
  CHECK_THAT(backend.error().message,
             Catch::StartsWith("NCCL plug-in /nonexistent/libdl_nccl.so does not exist"));
}

TEST_CASE("a library that is no NCCL plug-in is refused", "[c10d]") {
  Dl_info libc{};
  REQUIRE(::dladdr(reinterpret_cast<const void*>(&::dlopen), &libc) != 0);
  const auto backend = make_nccl_backend({.plugin = libc.dli_fname});
  REQUIRE(!backend.has_value());
  CHECK(backend.error().code == Code::kFailedPrecondition);
  CHECK_THAT(backend.error().message, Catch::Contains("lacks dl_nccl_make_backend"));
}

#ifdef DL_NCCL_PLUGIN
TEST_CASE("on a host without CUDA the NCCL plug-in says which library it misses", "[c10d]") {
  if (std::filesystem::exists("/dev/nvidiactl")) return;  // Here it would load.
  const auto backend = make_nccl_backend({.plugin = DL_NCCL_PLUGIN});
  REQUIRE(!backend.has_value());
  CHECK(backend.error().code == Code::kFailedPrecondition);
  CHECK_THAT(backend.error().message,
             Catch::Contains("does not load") &&
                 Catch::Contains("cannot open shared object file: No such file or directory"));
}
#endif

}  // namespace
}  // namespace dl::worker::collective
