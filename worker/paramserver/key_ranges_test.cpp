#include "worker/paramserver/key_ranges.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <vector>

namespace dl::worker::paramserver {
namespace {

TEST_CASE("every element has one owner, and no server more than one range more", "[paramserver]") {
  const auto seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 2000; ++round) {
    const auto servers = static_cast<std::uint32_t>(1 + random() % 40);
    // Small and large, and near the multiples where rounding happens.
    const std::uint64_t near =
        random() % 3 == 0 ? KeyRanges::kRangeElementsMax * (random() % 50) : 0;
    const std::uint64_t elements = servers + near + random() % (1ull << (random() % 24));
    INFO(elements << " elements on " << servers << " servers");
    const KeyRanges keys(elements, servers);
    REQUIRE(keys.range_elements() <= KeyRanges::kRangeElementsMax);

    std::uint64_t next = 0, fewest = elements, most = 0;
    for (std::uint32_t server = 0; server < servers; ++server) {
      const Span mine = keys.elements_of(server);
      REQUIRE(mine.first == next);  // No gap, nothing twice.
      REQUIRE(mine.size() > 0);
      REQUIRE(keys.owner(mine.first) == server);
      REQUIRE(keys.owner(mine.end - 1) == server);
      fewest = std::min(fewest, keys.ranges_of(server).size());
      most = std::max(most, keys.ranges_of(server).size());
      next = mine.end;
    }
    REQUIRE(next == elements);
    REQUIRE(most - fewest <= 1);
  }
}

TEST_CASE("every row has its own place, and places are dense", "[paramserver]") {
  for (const std::uint64_t rows : {1ull, 2ull, 7ull, 4096ull, 10'007ull, 65'536ull}) {
    for (const std::uint32_t servers : {1u, 2u, 3u, 8u}) {
      if (rows < servers) continue;
      const RowPlaces places(rows, servers);
      std::vector<std::set<std::uint64_t>> taken(servers);
      for (std::uint64_t row = 0; row < rows; ++row) {
        const auto place = places.place(row);
        REQUIRE(place.slot < places.rows_of(place.server));
        taken[place.server].insert(place.slot);
      }
      for (std::uint32_t server = 0; server < servers; ++server) {
        CHECK(taken[server].size() == places.rows_of(server));
      }
    }
  }
}

TEST_CASE("rows in a pattern are spread over servers", "[paramserver]") {
  const RowPlaces places(1'000'000, 4);
  for (const std::uint64_t stride : {1, 2, 4, 8, 100, 1024}) {
    std::vector<int> loads(4);
    for (std::uint64_t i = 0; i < 900; ++i) ++loads[places.place(i * stride).server];
    INFO("stride " << stride);
    CHECK(*std::min_element(loads.begin(), loads.end()) > 180);  // Of 225 each.
    CHECK(*std::max_element(loads.begin(), loads.end()) < 280);
  }
}

TEST_CASE("places hold beyond four billion rows", "[paramserver]") {
  const std::uint64_t rows = (std::uint64_t{1} << 33) + 7;
  const RowPlaces places(rows, 5);
  std::set<std::pair<std::uint32_t, std::uint64_t>> taken;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const auto place = places.place(rows - 1 - i * 858'000);
    REQUIRE(place.slot < places.rows_of(place.server));
    taken.insert({place.server, place.slot});
  }
  CHECK(taken.size() == 10'000);
}

}  // namespace
}  // namespace dl::worker::paramserver
