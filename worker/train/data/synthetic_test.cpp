#include "worker/train/data/synthetic.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <numeric>

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
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> labels;
  friend bool operator==(const Filled&, const Filled&) = default;
};

Filled fill(const Dataset& dataset, std::vector<std::uint32_t> indexes) {
  Filled filled;
  const SampleShape shape = dataset.shape();
  (shape.is_image() ? filled.images.resize(indexes.size() * shape.size())
                    : filled.ids.resize(indexes.size() * shape.size()));
  filled.labels.resize(indexes.size() * shape.labels);
  dataset.fill(
      indexes,
      {.images = filled.images.data(), .ids = filled.ids.data(), .labels = filled.labels.data()});
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

TEST_CASE("synthetic clicks are rows of categories with both labels", "[data]") {
  DatasetRequest clicks = request(1);
  clicks.categories = {1000, 7, 3};
  const auto splits = open_dataset(clicks);
  REQUIRE(splits.has_value());
  CHECK(splits->train->shape() == SampleShape{.ids = 3});
  std::vector<std::uint32_t> all(400);
  std::iota(all.begin(), all.end(), 0u);
  const Filled rows = fill(*splits->train, all);
  CHECK(rows == fill(*open_dataset(clicks)->train, all));
  int low = 0;
  for (std::size_t i = 0; i < rows.ids.size(); ++i) {
    REQUIRE(rows.ids[i] >= 0);
    REQUIRE(rows.ids[i] < clicks.categories[i % 3]);
    low += i % 3 == 0 && rows.ids[i] < 125 ? 1 : 0;
  }
  CHECK(low == Approx(200).margin(50));  // Half of the draws are from the first eighth.
  const auto ones = std::count(rows.labels.begin(), rows.labels.end(), 1);
  CHECK(ones + std::count(rows.labels.begin(), rows.labels.end(), 0) == 400);
  CHECK(ones > 40);
  CHECK(ones < 360);
}

TEST_CASE("equal rows of synthetic clicks have the same label nine times in ten", "[data]") {
  DatasetRequest clicks = request(1);
  clicks.categories = {3, 2};
  const auto splits = open_dataset(clicks);
  REQUIRE(splits.has_value());
  std::map<std::vector<std::int64_t>, std::array<int, 2>> seen;
  for (std::uint32_t i = 0; i < 400; ++i) {
    const Filled row = fill(*splits->train, {i});
    ++seen[row.ids][static_cast<std::size_t>(row.labels[0])];
  }
  int of_rule = 0;
  for (const auto& [ids, counts] : seen) of_rule += std::max(counts[0], counts[1]);
  CHECK(of_rule == Approx(360).margin(20));
}

TEST_CASE("synthetic text is labelled with its next tokens, which follow a rule", "[data]") {
  DatasetRequest text = request(1);
  text.vocabulary = 10;
  text.context = 20;
  const auto splits = open_dataset(text);
  REQUIRE(splits.has_value());
  CHECK(splits->train->shape() == SampleShape{.ids = 20, .labels = 20});
  std::map<std::pair<std::int64_t, std::int64_t>, std::map<std::int64_t, int>> next;
  int tokens = 0;
  for (std::uint32_t i = 0; i < 400; ++i) {
    const Filled row = fill(*splits->train, {i});
    for (std::size_t k = 0; k < 20; ++k) {
      REQUIRE(row.ids[k] < 10);
      if (k > 0) CHECK(row.ids[k] == row.labels[k - 1]);
      if (k > 0) ++next[{row.ids[k], row.ids[k - 1] % 4}][row.labels[k]];
      tokens += k > 0 ? 1 : 0;
    }
  }
  CHECK(next.size() <= 40);
  int of_rule = 0;
  for (const auto& [pair, counts] : next) {
    of_rule += std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
                 return a.second < b.second;
               })->second;
  }
  // Seven eighths by rule, and a tenth of the others by chance.
  CHECK(static_cast<double>(of_rule) / tokens == Approx(0.875 + 0.0125).margin(0.02));
  text.spec.format = "idx";
  CHECK_THAT(open_dataset(text).error().message, Catch::Contains("idx files hold images"));
}
