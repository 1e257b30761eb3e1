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

std::uint32_t magnitude(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu; }

std::size_t words_of_block(std::size_t count) { return 1 + 2 * count; }

}  // namespace

TopK::Block TopK::block_of(std::uint32_t rank, std::size_t count) {
  std::uint32_t* words = message_.data() + rank * words_of_block(count);
  return {.finite = std::span<std::uint32_t, 1>(words, 1),
          .indices = {words + 1, count},
          .values = {reinterpret_cast<float*>(words + 1 + count), count}};
}

std::size_t TopK::count_of(std::size_t chunk_size) const {
  return static_cast<std::size_t>(std::ceil(ratio_ * static_cast<double>(chunk_size)));
}

std::size_t TopK::count_of_bucket(std::size_t size) const {
  return size / kChunk * count_of(kChunk) + count_of(size % kChunk);
}

void TopK::select(std::span<const float> values, std::span<std::uint32_t> indices) {
  const std::size_t count = indices.size();
  std::size_t bin = histogram_.size();
  std::size_t above = 0;  // Elements in higher bins than `bin`.
  std::size_t reached = 0;
  while (reached < count) {
    above = reached;
    reached += histogram_[--bin];
  }
  const std::span<std::uint32_t> candidates = scratch(candidates_, reached);
  kernels::table().indices_from(values.data(), values.size(),
                                static_cast<std::uint32_t>(bin << kBinShift), candidates.data());

  magnitudes_.clear();
  for (const std::uint32_t i : candidates) {
    if (magnitude(values[i]) >> kBinShift == bin) magnitudes_.push_back(magnitude(values[i]));
  }
  const auto last = magnitudes_.begin() + static_cast<std::ptrdiff_t>(count - above - 1);
  std::nth_element(magnitudes_.begin(), last, magnitudes_.end(), std::greater<>());
  const std::uint32_t least = *last;
  const auto larger = [least](std::uint32_t m) { return m > least; };
  std::size_t ties =
      count - above - static_cast<std::size_t>(std::count_if(magnitudes_.begin(), last, larger));
  std::size_t taken = 0;
  for (const std::uint32_t i : candidates) {
    const std::uint32_t m = magnitude(values[i]);
    if (m < least || (m == least && ties == 0)) continue;
    if (m == least) --ties;
    indices[taken++] = i;
  }
}

// Adds the gradients to the residual and moves the largest from there into `block`. False when a
// gradient is not finite; it is left out of the residual then.
bool TopK::take(std::span<const float> gradients, std::span<float> residual, Block block) {
  bool finite = true;
  std::size_t taken = 0;
  for (std::size_t begin = 0; begin < gradients.size(); begin += kChunk) {
    const std::size_t size = std::min(kChunk, gradients.size() - begin);
    const std::span<float> chunk = residual.subspan(begin, size);
    const std::span<std::uint32_t> indices = block.indices.subspan(taken, count_of(size));
    finite &= kernels::table().add_and_count(gradients.data() + begin, chunk.data(), size,
                                             histogram_.data());
    select(chunk, indices);
    for (std::uint32_t& i : indices) {
      block.values[taken++] = chunk[i];
      chunk[i] = 0;
      i += static_cast<std::uint32_t>(begin);
    }
  }
  return finite;
}

// The residual as it was before take(), but for a rounding: that loses at most as much as the
// residual had, however large the gradients were.
void TopK::put_back(std::span<float> gradients, std::span<float> residual, Block block) const {
  for (std::size_t i = 0; i < block.indices.size(); ++i) {
    residual[block.indices[i]] = block.values[i];
  }
  kernels::table().subtract(gradients.data(), residual.data(), gradients.size());
}

Result<void> TopK::sum(Wire& wire, std::size_t bucket, std::span<float> gradients) {
  const std::size_t count = count_of_bucket(gradients.size());
  if (count == 0) return {};
  const std::span<std::uint32_t> message =
      scratch(message_, wire.world_size() * words_of_block(count));
  const std::span<float> residual = residual_.of(bucket);
  const Block mine = block_of(wire.rank(), count);
  mine.finite[0] = take(gradients, residual, mine) ? 1 : 0;
  DL_CHECK(wire.all_gather(std::as_writable_bytes(message)));
  for (std::uint32_t rank = 0; rank < wire.world_size(); ++rank) {
    if (block_of(rank, count).finite[0] == 1) continue;
    put_back(gradients, residual, mine);
    std::ranges::fill(gradients, std::numeric_limits<float>::quiet_NaN());
    return {};
  }
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
