#include "worker/train/data/loader.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <numeric>

using namespace dl::worker::train;

namespace {

// Sample i is the number i. Some fills take longer than others, so that threads overtake.
class Numbers : public Dataset {
 public:
  std::uint64_t size() const override { return 1000; }
  SampleShape shape() const override { return {1, 1, 2}; }
  void fill(std::span<const std::uint32_t> indexes, const BatchMemory& to) const override {
    float* images = to.images;
    std::int64_t* labels = to.labels;
    fills.fetch_add(1);
    if (indexes[0] % 3 == 0) std::this_thread::yield();
    for (const std::uint32_t index : indexes) {
      *images++ = static_cast<float>(index);
      *images++ = -static_cast<float>(index);
      *labels++ = index;
    }
  }
  mutable std::atomic<int> fills{0};
};

std::vector<std::uint32_t> reversed(std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  std::iota(order.rbegin(), order.rend(), 0u);
  return order;
}

}  // namespace

TEST_CASE("loader hands out batches in order whatever its threads do", "[data]") {
  const std::uint32_t threads = GENERATE(1u, 2u, 5u);
  std::vector<Share> shares;
  for (std::uint64_t begin = 0; begin < 1000; begin += 7) {
    shares.push_back(
        {begin, static_cast<std::uint32_t>(std::min<std::uint64_t>(7, 1000 - begin)), 14});
  }
  Loader loader(std::make_shared<Numbers>(), reversed(1000), shares, {threads, 3});
  std::int64_t expected = 999;
  while (const Batch* batch = loader.next()) {
    CHECK(batch->global_count == 14);
    for (std::uint32_t i = 0; i < batch->count; ++i, --expected) {
      REQUIRE(batch->labels[i] == expected);
      REQUIRE(batch->images[2 * i + 1] == static_cast<float>(-expected));
    }
  }
  CHECK(expected == -1);
  CHECK(loader.next() == nullptr);
}

TEST_CASE("loader makes no more than its depth ahead and stops when it is dropped", "[data]") {
  const auto dataset = std::make_shared<Numbers>();
  {
    std::vector<Share> shares(200, Share{0, 5, 5});
    Loader loader(dataset, reversed(1000), shares, {2, 4});
    REQUIRE(loader.next() != nullptr);
    REQUIRE(loader.next() != nullptr);
    CHECK(dataset->fills.load() <= 5);
  }
  CHECK(dataset->fills.load() <= 5);
}
