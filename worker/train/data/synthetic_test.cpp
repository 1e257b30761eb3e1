#include "worker/train/data/synthetic.h"

#include <catch2/catch.hpp>

using namespace dl::worker::train;

namespace {

DatasetRequest request(std::uint64_t seed) {
  DatasetRequest request;
  request.spec.format = "synthetic";
  request.spec.shape = {3, 16, 20};
  request.spec.samples = 400;
  request.classes = 4;
  request.seed = seed;
  return request;
}

struct Filled {
  std::vector<float> images;
  std::vector<std::int64_t> labels;
  friend bool operator==(const Filled&, const Filled&) = default;
};

Filled fill(const Dataset& dataset, std::vector<std::uint32_t> indexes) {
  Filled filled;
  filled.images.resize(indexes.size() * dataset.shape().size());
  filled.labels.resize(indexes.size());
  dataset.fill(indexes, filled.images.data(), filled.labels.data());
  return filled;
}

}  // namespace

TEST_CASE("synthetic samples depend on seed and number alone", "[data]") {
  const auto one = open_dataset(request(1));
  const auto again = open_dataset(request(1));
  const auto other = open_dataset(request(2));
  REQUIRE((one && again && other));
  CHECK(one->train->size() == 400);
  CHECK(one->validation->size() == 40);
  CHECK(fill(*one->train, {3, 9}) == fill(*again->train, {3, 9}));
  CHECK(fill(*one->train, {3, 9}).images != fill(*other->train, {3, 9}).images);
  CHECK(fill(*one->train, {0}).images != fill(*one->validation, {0}).images);
}

TEST_CASE("synthetic classes can be told apart by their mean images", "[data]") {
  const auto splits = open_dataset(request(5));
  REQUIRE(splits.has_value());
  const std::size_t size = splits->train->shape().size();
  std::vector<std::vector<double>> means(4, std::vector<double>(size));
  for (std::uint32_t i = 0; i < 400; ++i) {
    const Filled sample = fill(*splits->train, {i});
    for (std::size_t k = 0; k < size; ++k) {
      means[static_cast<std::size_t>(sample.labels[0])][k] += sample.images[k] / 100;
    }
  }
  int right = 0;
  for (std::uint32_t i = 0; i < 40; ++i) {
    const Filled sample = fill(*splits->validation, {i});
    std::size_t best = 0;
    double nearest = 1e30;
    for (std::size_t label = 0; label < 4; ++label) {
      double distance = 0;
      for (std::size_t k = 0; k < size; ++k) {
        const double d = sample.images[k] - means[label][k];
        distance += d * d;
      }
      if (distance < nearest) {
        nearest = distance;
        best = label;
      }
    }
    right += static_cast<std::int64_t>(best) == sample.labels[0] ? 1 : 0;
  }
  CHECK(right >= 38);
}
