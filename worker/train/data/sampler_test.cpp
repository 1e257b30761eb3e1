#include "worker/train/data/sampler.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

using dl::worker::train::Sampler;
using dl::worker::train::SamplerOptions;
using dl::worker::train::Share;

namespace {

Sampler make(SamplerOptions options) {
  auto sampler = Sampler::make(options);
  REQUIRE(sampler.has_value());
  return *sampler;
}

}  // namespace

TEST_CASE("sampler takes every sample once an epoch, in another order each time", "[data]") {
  const Sampler sampler = make({.samples = 1000, .batch_size = 100, .workers = 1, .seed = 7});
  std::vector<std::uint32_t> all(1000);
  std::iota(all.begin(), all.end(), 0u);
  const auto first = sampler.permutation(0);
  const auto second = sampler.permutation(1);
  CHECK(first != second);
  CHECK(std::is_permutation(first.begin(), first.end(), all.begin(), all.end()));
  CHECK(first == make({.samples = 1000, .batch_size = 10, .workers = 5, .seed = 7}).permutation(0));
  CHECK(first !=
        make({.samples = 1000, .batch_size = 100, .workers = 1, .seed = 8}).permutation(0));
}

TEST_CASE("sampler gives the same order on every machine", "[data]") {
  const auto order = make({.samples = 10, .batch_size = 5, .workers = 1, .seed = 1}).permutation(0);
  CHECK(order == std::vector<std::uint32_t>{5, 2, 1, 0, 7, 9, 4, 6, 3, 8});
}

TEST_CASE("sampler cuts the same global batches for any number of workers", "[data]") {
  const std::uint32_t workers = GENERATE(1u, 2u, 3u, 4u, 8u);
  const Sampler sampler =
      make({.samples = 60'000, .batch_size = 24, .workers = workers, .seed = 1});
  for (std::uint64_t step = 0; step < sampler.steps_per_epoch(); step += 97) {
    std::uint64_t at = step * 24;
    for (std::uint32_t rank = 0; rank < workers; ++rank) {
      const Share share = sampler.share(step, rank);
      CHECK(share.begin == at);
      CHECK(share.count == 24 / workers);
      CHECK(share.global_count == 24);
      at += share.count;
    }
    CHECK(at == (step + 1) * 24);
  }
}

TEST_CASE("sampler trains on the last partial batch if every rank gets two of it", "[data]") {
  const auto steps = [](std::uint64_t samples, std::uint32_t workers) {
    return make({.samples = samples, .batch_size = 128, .workers = workers}).steps_per_epoch();
  };
  CHECK(steps(60'000, 1) == 469);
  CHECK(steps(60'000, 2) == 469);
  CHECK(steps(256 + 3, 2) == 2);
  CHECK(steps(256 + 4, 2) == 3);
  CHECK(steps(2, 1) == 1);

  const Sampler sampler = make({.samples = 135, .batch_size = 128, .workers = 3});
  std::uint32_t total = 0;
  for (std::uint32_t rank = 0; rank < 3; ++rank) {
    CHECK(sampler.share(1, rank).global_count == 7);
    CHECK(sampler.share(1, rank).count >= 2);
    total += sampler.share(1, rank).count;
  }
  CHECK(total == 7);
}

TEST_CASE("sampler refuses a data set too small for one step", "[data]") {
  const auto sampler = Sampler::make({.samples = 3, .batch_size = 64, .workers = 2, .seed = 1});
  REQUIRE(sampler.has_error());
  CHECK_THAT(sampler.error().message, Catch::Contains("3 training samples, too few for 2 workers"));
}
