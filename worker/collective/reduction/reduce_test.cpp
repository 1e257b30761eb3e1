#include "worker/collective/reduction/reduce.h"

#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "worker/collective/reduction/reduce_table.h"

namespace dl::worker::collective {
namespace {

constexpr DataType kAllTypes[] = {DataType::kFloat64,  DataType::kFloat32, DataType::kFloat16,
                                  DataType::kBfloat16, DataType::kInt64,   DataType::kInt32,
                                  DataType::kUint8,    DataType::kInt8};

// Any bits at all: subnormals, infinities and NaN among them.
std::vector<std::byte> noise(std::size_t bytes, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<std::byte> data(bytes);
  for (std::byte& byte : data) byte = static_cast<std::byte>(random() >> 8);
  return data;
}

bool is_nan(DataType type, const std::byte* element) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, element, size_of(type));
  switch (type) {
    case DataType::kFloat64: return (bits & ~(1ull << 63)) > 0x7ff0000000000000ull;
    case DataType::kFloat32: return (bits & 0x7fffffffu) > 0x7f800000u;
    case DataType::kFloat16: return (bits & 0x7fffu) > 0x7c00u;
    case DataType::kBfloat16: return (bits & 0x7fffu) > 0x7f80u;
    default: return false;
  }
}

TEST_CASE("the loops for AVX2 give the bits of the plain ones, on any input", "[collective]") {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c")) return;
  const std::size_t bytes = 8 * 10007;
  for (const DataType type : kAllTypes) {
    const auto row = static_cast<std::size_t>(type) - 1;
    for (std::size_t op = 0; op < 4; ++op) {
      const ReduceFn plain = baseline_kernels().reduce[row].of[op];
      const ReduceFn fast = avx2_kernels().reduce[row].of[op];
      REQUIRE((plain == nullptr) == (fast == nullptr));
      if (plain == nullptr) continue;
      const std::size_t size = size_of(type);
      auto a = noise(bytes, 1);
      auto b = a;
      const auto from = noise(bytes, 2);
      plain(a.data(), from.data(), bytes / size);
      fast(b.data(), from.data(), bytes / size);
      // Which NaN it is, of two, is not said by IEEE 754.
      std::size_t different = 0;
      for (std::size_t i = 0; i < bytes; i += size) {
        const bool nan = is_nan(type, &a[i]) && is_nan(type, &b[i]);
        different += !nan && std::memcmp(&a[i], &b[i], size) != 0 ? 1 : 0;
      }
      INFO(to_string(type) << ", operation " << op + 1);
      CHECK(different == 0);
    }
  }
}

TEST_CASE("bfloat16 rounds to nearest even", "[collective]") {
  // 1 + 2^-8 lies between 1 and the next bfloat16, 1 + 2^-7; 1 has the even last bit.
  std::array<std::uint16_t, 2> into = {0x3f80, 0x3f81};
  const std::array<std::uint16_t, 2> from = {0x3b80, 0x3b80};  // 2^-8.
  reduce_into(DataType::kBfloat16, ReduceOp::kSum, std::as_writable_bytes(std::span(into)),
              std::as_bytes(std::span(from)));
  CHECK(into[0] == 0x3f80);
  CHECK(into[1] == 0x3f82);
}

TEST_CASE("min and max keep a NaN, whichever side it is on", "[collective]") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const ReduceOp op : {ReduceOp::kMin, ReduceOp::kMax}) {
    std::array<float, 2> into = {nan, 1};
    const std::array<float, 2> from = {1, nan};
    reduce_into(DataType::kFloat32, op, std::as_writable_bytes(std::span(into)),
                std::as_bytes(std::span(from)));
    CHECK(std::isnan(into[0]));
    CHECK(std::isnan(into[1]));
  }
}

TEST_CASE("an average divides, and sums of integers wrap", "[collective]") {
  std::array<double, 2> values = {9, -3};
  finish_average(DataType::kFloat64, std::as_writable_bytes(std::span(values)), 3);
  CHECK(values == std::array<double, 2>{3, -1});
  std::array<std::int32_t, 1> into = {std::numeric_limits<std::int32_t>::max()};
  const std::array<std::int32_t, 1> one = {1};
  reduce_into(DataType::kInt32, ReduceOp::kSum, std::as_writable_bytes(std::span(into)),
              std::as_bytes(std::span(one)));
  CHECK(into[0] == std::numeric_limits<std::int32_t>::min());
}

}  // namespace
}  // namespace dl::worker::collective
