#include "worker/train/compression/kernels/kernels.h"

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace dl::worker::train::kernels {
namespace {

constexpr std::size_t kCount = 5003;  // No multiple of anything.

std::vector<float> numbers(std::size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// Any bits at all: subnormals, infinities and NaN among them.
std::vector<float> noise(std::size_t count, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    const auto bits = static_cast<std::uint32_t>(random() * 2654435761u);
    std::memcpy(&value, &bits, sizeof bits);
  }
  return values;
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

TEST_CASE("the loops for AVX2 give the bits of the plain ones", "[compression]") {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("f16c")) return;
  const auto run = [](const Table& loops) {
    std::vector<std::vector<float>> results;
    std::vector<std::uint16_t> halves(kCount);
    for (const auto& input : {numbers(kCount, 1), noise(kCount, 2)}) {
      for (const auto& [to, from] : {std::pair{loops.to_float16, loops.from_float16},
                                     std::pair{loops.to_bfloat16, loops.from_bfloat16}}) {
        to(input.data(), halves.data(), kCount);
        from(halves.data(), results.emplace_back(kCount).data(), kCount);
      }
      std::vector<std::int8_t> codes(kCount);
      results.push_back({loops.quantize(input.data(), kCount, codes.data())});
      loops.add_codes(codes.data(), 0.37f, results.emplace_back(kCount).data(), kCount);
      std::vector<std::uint32_t> indices(kCount);
      loops.indices_from(input.data(), kCount, 0x3f800000, indices.data());
      results.emplace_back(indices.begin(), indices.end());
    }
    std::vector<float> sum = numbers(kCount, 3);
    std::vector<std::uint32_t> histogram(kBins);
    loops.add_and_count(numbers(kCount, 4).data(), sum.data(), kCount, histogram.data());
    results.push_back(sum);
    results.emplace_back(histogram.begin(), histogram.end());
    loops.decay_and_add(noise(kCount, 7).data(), 0.9f, sum.data(), kCount);
    results.push_back(sum);
    const std::vector<float> matrix = numbers(37 * 131, 5);
    const Factored m = {.matrix = matrix.data(), .rows = 37, .columns = 131, .rank = 3};
    std::vector<float> p(37 * 3);
    std::vector<float> q = numbers(131 * 3, 6);
    loops.project(m, q.data(), p.data());
    results.push_back(p);
    loops.project_back(m, p.data(), q.data());
    results.push_back(q);
    std::vector<float> rest(matrix.size());
    loops.reconstruct(m, p.data(), q.data(), 0.3f, rest.data(),
                      results.emplace_back(matrix.size()).data());
    results.push_back(rest);
    return results;
  };
  const auto plain = run(baseline());
  const auto fast = run(avx2());
  REQUIRE(plain.size() == fast.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    INFO("result " << i);
    // Of NaN there is more than one; which it is, is not said by IEEE 754.
    std::size_t different = 0;
    for (std::size_t k = 0; k < plain[i].size(); ++k) {
      const bool nan = std::isnan(plain[i][k]) && std::isnan(fast[i][k]);
      different += !nan && std::memcmp(&plain[i][k], &fast[i][k], sizeof(float)) != 0 ? 1 : 0;
    }
    CHECK(different == 0);
  }
}

TEST_CASE("what is not finite, or huge, decays a sum and adds nothing", "[compression]") {
  std::vector<float> sum = {1, 2, 4, 8};
  CHECK(table().decay_and_add(std::vector<float>{1, 0, -1, 2}.data(), 0.5f, sum.data(), 4));
  CHECK(sum == std::vector<float>{1.5f, 1, 1, 6});
  const std::vector<float> bad = {NAN, INFINITY, kHuge, 1};
  CHECK_FALSE(table().decay_and_add(bad.data(), 0.5f, sum.data(), 4));
  CHECK(sum == std::vector<float>{0.75f, 0.5f, 0.5f, 4});
}

TEST_CASE("the products are the products", "[compression]") {
  const std::size_t rows = 19;
  const std::size_t columns = 1100;
  const std::size_t rank = 2;
  const std::vector<float> matrix = numbers(rows * columns, 1);
  const std::vector<float> q = numbers(columns * rank, 2);
  const Factored m = {.matrix = matrix.data(), .rows = rows, .columns = columns, .rank = rank};
  std::vector<float> p(rows * rank);
  table().project(m, q.data(), p.data());
  std::vector<float> back(columns * rank);
  table().project_back(m, p.data(), back.data());
  std::vector<float> rest(matrix.size());
  std::vector<float> product(matrix.size());
  table().reconstruct(m, p.data(), q.data(), 0.25f, rest.data(), product.data());
  double wrong = 0;
  for (std::size_t j = 0; j < rank; ++j) {
    for (std::size_t i = 0; i < rows; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < columns; ++k) sum += matrix[i * columns + k] * q[j * columns + k];
      wrong = std::max(wrong, std::abs(sum - p[j * rows + i]));
    }
    for (std::size_t k = 0; k < columns; ++k) {
      double sum = 0;
      for (std::size_t i = 0; i < rows; ++i) sum += matrix[i * columns + k] * p[j * rows + i];
      wrong = std::max(wrong, std::abs(sum - back[j * columns + k]));
    }
  }
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t k = 0; k < columns; ++k) {
      const float sum = p[i] * q[k] + p[rows + i] * q[columns + k];
      const std::size_t at = i * columns + k;
      wrong = std::max<double>(wrong, std::abs(sum - product[at]));
      wrong = std::max<double>(wrong, std::abs(matrix[at] - 0.25f * sum - rest[at]));
    }
  }
  CHECK(wrong < 1e-3);  // Of products of up to 100.
}

TEST_CASE("codes are within half a scale of their values, and round to even", "[compression]") {
  const std::vector<float> values = numbers(256, 3);
  std::vector<std::int8_t> codes(256);
  const float scale = table().quantize(values.data(), 256, codes.data());
  for (std::size_t i = 0; i < 256; ++i) {
    CHECK(std::abs(static_cast<float>(codes[i]) * scale - values[i]) <= 0.5001f * scale);
  }
  const std::array<float, 6> ties = {127, 0.5f, 1.5f, 2.5f, -0.5f, -127};
  CHECK(table().quantize(ties.data(), ties.size(), codes.data()) == 1.0f);
  CHECK(std::vector<int>(codes.begin(), codes.begin() + 6) ==
        std::vector<int>{127, 0, 2, 2, 0, -127});
}

TEST_CASE("what cannot be scaled has codes of 0: nothing, next to nothing, and NaN",
          "[compression]") {
  std::array<std::int8_t, 3> codes = {};
  const std::array<float, 3> zeros = {};
  CHECK(table().quantize(zeros.data(), 3, codes.data()) == 0.0f);
  const std::array<float, 3> tiny = {1e-40f, 0, -1e-41f};
  CHECK(table().quantize(tiny.data(), 3, codes.data()) == 0.0f);
  CHECK(codes == std::array<std::int8_t, 3>{});
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::array<float, 3> values = {1, bad, 2};
    CHECK(std::isnan(table().quantize(values.data(), 3, codes.data())));
    CHECK(codes == std::array<std::int8_t, 3>{});
    CHECK_FALSE(table().finite(values.data(), 3));
  }
  CHECK(table().finite(zeros.data(), 3));
}

}  // namespace
}  // namespace dl::worker::train::kernels
