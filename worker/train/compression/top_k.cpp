// A histogram of the magnitudes says in which bin the k-th largest lies; only what is in that bin
// is then sorted out, a small share of the whole.

#include "worker/train/compression/top_k.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/scratch.h"

namespace dl::worker::train {
namespace {

using kernels::kBinShift;

constexpr std::uint32_t kFirstInfiniteBin = 0x7f800000u >> kBinShift;

std::uint32_t magnitude(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu; }

std::size_t words_of_block(std::size_t count) { return 1 + 2 * count; }

}  // namespace

TopK::Block TopK::block_of(std::uint32_t rank, std::size_t count) {
  std::uint32_t* words = message_.data() + rank * words_of_block(count);
  return {.finite = std::span<std::uint32_t, 1>(words, 1),
          .indices = {words + 1, count},
          .values = {reinterpret_cast<float*>(words + 1 + count), count}};
}

void TopK::select(std::span<const float> values, std::size_t count,
                  std::span<std::uint32_t> indices) {
  std::uint32_t bin = histogram_.size();
  std::size_t above = 0;  // Elements in higher bins than `bin`.
  std::size_t reached = 0;
  while (reached < count) {
    above = reached;
    reached += histogram_[--bin];
  }
  // One more: the loop writes before it knows.
  const std::span<std::uint32_t> candidates = scratch(candidates_, reached + 1);
  kernels::table().indices_from(values.data(), values.size(), bin << kBinShift, candidates.data());

  magnitudes_.clear();
  for (const std::uint32_t i : candidates.first(reached)) {
    if (magnitude(values[i]) >> kBinShift == bin) magnitudes_.push_back(magnitude(values[i]));
  }
  const auto last = magnitudes_.begin() + static_cast<std::ptrdiff_t>(count - above - 1);
  std::nth_element(magnitudes_.begin(), last, magnitudes_.end(), std::greater<>());
  const std::uint32_t least = *last;
  const auto larger = [least](std::uint32_t m) { return m > least; };
  std::size_t ties =
      count - above - static_cast<std::size_t>(std::count_if(magnitudes_.begin(), last, larger));
  std::size_t taken = 0;
  for (const std::uint32_t i : candidates.first(reached)) {
    const std::uint32_t m = magnitude(values[i]);
    if (m < least || (m == least && ties == 0)) continue;
    if (m == least) --ties;
    indices[taken++] = i;
  }
}

Result<void> TopK::sum(Wire& wire, std::size_t bucket, std::span<float> gradients) {
  const std::size_t size = gradients.size();
  if (size == 0) return {};
  const auto count = std::max<std::size_t>(
      1, static_cast<std::size_t>(std::ceil(ratio_ * static_cast<double>(size))));
  const std::span<std::uint32_t> message =
      scratch(message_, wire.world_size() * words_of_block(count));
  const std::span<float> residual = residual_.of(bucket);

  kernels::table().add_and_count(residual.data(), gradients.data(), size, histogram_.data());
  const bool finite = std::all_of(histogram_.begin() + kFirstInfiniteBin, histogram_.end(),
                                  [](std::uint32_t n) { return n == 0; });
  Block mine = block_of(wire.rank(), count);
  mine.finite[0] = finite ? 1 : 0;
  if (finite) {
    select(gradients, count, mine.indices);
    for (std::size_t i = 0; i < count; ++i) mine.values[i] = gradients[mine.indices[i]];
  } else {
    std::ranges::fill(mine.indices, 0u);
    std::ranges::fill(mine.values, 0.0f);
  }
  DL_CHECK(wire.all_gather(std::as_writable_bytes(message)));

  for (std::uint32_t rank = 0; rank < wire.world_size(); ++rank) {
    if (block_of(rank, count).finite[0] == 1) continue;
    std::ranges::fill(gradients, std::numeric_limits<float>::quiet_NaN());
    return {};
  }
  std::ranges::copy(gradients, residual.begin());
  for (const std::uint32_t i : mine.indices) residual[i] = 0;
  return sum_blocks(wire.world_size(), count, gradients);
}

Result<void> TopK::sum_blocks(std::uint32_t world, std::size_t count, std::span<float> gradients) {
  std::ranges::fill(gradients, 0.0f);
  for (std::uint32_t rank = 0; rank < world; ++rank) {
    const Block block = block_of(rank, count);
    for (std::size_t i = 0; i < count; ++i) {
      if (block.indices[i] >= gradients.size()) {
        return Error{Code::kFailedPrecondition,
                     "top-k: rank " + std::to_string(rank) + " sent element " +
                         std::to_string(block.indices[i]) + " of a bucket of " +
                         std::to_string(gradients.size()) +
                         "; all ranks must train the same model with the same version"};
      }
      gradients[block.indices[i]] += block.values[i];
    }
  }
  return {};
}

}  // namespace dl::worker::train
