#include "worker/paramserver/key_ranges.h"

#include <algorithm>
#include <numeric>

#include "base/assert.h"

namespace dl::worker::paramserver {
namespace {

constexpr std::uint64_t kAlignment = 16;  // Elements of a cache line.
constexpr double kGoldenRatio = 0.6180339887498949;

std::uint64_t choose_range(std::uint64_t elements, std::uint32_t servers) {
  const std::uint64_t most = elements / servers;  // With more there could be fewer than servers.
  if (most >= KeyRanges::kRangeElementsMax) return KeyRanges::kRangeElementsMax;
  return most >= kAlignment ? most / kAlignment * kAlignment : most;
}

}  // namespace

KeyRanges::KeyRanges(std::uint64_t elements, std::uint32_t servers)
    : elements_(elements), servers_(servers), range_elements_(choose_range(elements, servers)) {
  DL_ASSERT(servers >= 1 && elements >= servers, "check() has refused such a table");
}

Span KeyRanges::ranges_of(std::uint32_t server) const {
  return {server * ranges() / servers_, (server + 1) * ranges() / servers_};
}

Span KeyRanges::elements_of(std::uint32_t server) const {
  const Span mine = ranges_of(server);
  return {mine.first * range_elements_, std::min(mine.end * range_elements_, elements_)};
}

std::uint32_t KeyRanges::owner(std::uint64_t element) const {
  const std::uint64_t range = element / range_elements_;
  auto server = static_cast<std::uint32_t>(range * servers_ / ranges());
  while (ranges_of(server).end <= range) ++server;
  return server;
}

RowPlaces::RowPlaces(std::uint64_t rows, std::uint32_t servers) : rows_(rows), servers_(servers) {
  DL_ASSERT(servers >= 1 && rows >= servers, "check() has refused such a table");
  // Multiples of the golden ratio fall as evenly as they can (Knuth, volume 3, section 6.4).
  multiplier_ = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(static_cast<double>(rows) * kGoldenRatio));
  while (std::gcd(multiplier_, rows_) != 1) ++multiplier_;
}

}  // namespace dl::worker::paramserver
