#include "base/memory.h"

#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>

namespace dl {
namespace {

long page_faults() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

// Of allocating, filling and freeing `bytes`, 20 times.
long page_faults_of(std::size_t bytes) {
  const long before = page_faults();
  for (int i = 0; i < 20; ++i) {
    char* block = static_cast<char*>(std::malloc(bytes));
    std::memset(block, i, bytes);
    REQUIRE(std::memchr(block, i + 1, bytes) == nullptr);  // So that it cannot be left out.
    std::free(block);
  }
  return page_faults() - before;
}

// Sanitizers have a malloc of their own. 40 MiB: up to 32 glibc begins to keep them by itself.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("what was freed is used again, up to what is kept", "[base]") {
  constexpr std::size_t kBlock = 40 << 20;
  const long by_itself = page_faults_of(kBlock);
  keep_freed_memory(kBlock + (1 << 20));
  CHECK(page_faults_of(kBlock) < by_itself / 5);
  CHECK(page_faults_of(2 * kBlock) > by_itself);
}
#endif

}  // namespace
}  // namespace dl
