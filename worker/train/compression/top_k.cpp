// A histogram of the magnitudes says in which bin the k-th largest lies; only what is in that bin
// is then sorted out, a small share of the whole.

#include "worker/train/compression/top_k.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/scratch.h"

namespace dl::worker::train {
namespace {

using kernels::kBinShift;

std::uint32_t magnitude(float value) { return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu; }

std::size_t words_of_block(std::size_t count) { return 1 + 2 * count; }

}  // namespace

TopK::TopK(double ratio, double momentum, const std::vector<BucketShape>& buckets)
    : ratio_(ratio), momentum_(static_cast<float>(momentum)), residual_(buckets) {
  if (momentum > 0) velocity_.emplace("velocity", buckets);
}

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

// Adds the gradients, or the velocity that they change, to the residual and moves the largest from
// there into `block`. False when a gradient is not finite; it is left out of the residual then.
bool TopK::take(std::size_t bucket, std::span<const float> gradients, Block block) {
  const kernels::Table& loops = kernels::table();
  const std::span<float> residual = residual_.of(bucket);
  const std::span<float> velocity = velocity_ ? velocity_->of(bucket) : std::span<float>();
  taken_velocity_.clear();
  bool finite = true;
  std::size_t taken = 0;
  for (std::size_t begin = 0; begin < gradients.size(); begin += kChunk) {
    const std::size_t size = std::min(kChunk, gradients.size() - begin);
    const float* addend = gradients.data() + begin;
    if (velocity_) {
      finite &= loops.decay_and_add(addend, momentum_, &velocity[begin], size);
      addend = &velocity[begin];
    }
    const std::span<float> chunk = residual.subspan(begin, size);
    const std::span<std::uint32_t> indices = block.indices.subspan(taken, count_of(size));
    finite &= loops.add_and_count(addend, chunk.data(), size, histogram_.data());
    select(chunk, indices);
    for (std::uint32_t& i : indices) {
      block.values[taken++] = std::exchange(chunk[i], 0.0f);
      i += static_cast<std::uint32_t>(begin);
      if (velocity_) taken_velocity_.push_back(std::exchange(velocity[i], 0.0f));
    }
  }
  return finite;
}

// All as it was before take(), but for a rounding: that loses at most as much as there was, however
// large the gradients were.
void TopK::put_back(std::size_t bucket, std::span<const float> gradients, Block block) {
  const kernels::Table& loops = kernels::table();
  const std::span<float> residual = residual_.of(bucket);
  for (std::size_t i = 0; i < block.indices.size(); ++i)
    residual[block.indices[i]] = block.values[i];
  if (!velocity_) return loops.subtract(gradients.data(), residual.data(), gradients.size());
  const std::span<float> velocity = velocity_->of(bucket);
  for (std::size_t i = 0; i < block.indices.size(); ++i)
    velocity[block.indices[i]] = taken_velocity_[i];
  loops.subtract(velocity.data(), residual.data(), velocity.size());
  loops.subtract(gradients.data(), velocity.data(), velocity.size());
  for (float& value : velocity) value /= momentum_;
}

Result<void> TopK::sum(Wire& wire, std::size_t bucket, std::span<float> gradients) {
  const std::size_t count = count_of_bucket(gradients.size());
  if (count == 0) return {};
  const std::span<std::uint32_t> message =
      scratch(message_, wire.world_size() * words_of_block(count));
  const Block mine = block_of(wire.rank(), count);
  mine.finite[0] = take(bucket, gradients, mine) ? 1 : 0;
  DL_CHECK(wire.all_gather(std::as_writable_bytes(message)));
  for (std::uint32_t rank = 0; rank < wire.world_size(); ++rank) {
    if (block_of(rank, count).finite[0] == 1) continue;
    put_back(bucket, gradients, mine);
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

void TopK::pay(std::size_t bucket, std::span<float> gradients) {
  const kernels::Table& loops = kernels::table();
  if (velocity_ && loops.finite(gradients.data(), gradients.size())) {
    const std::span<float> velocity = velocity_->of(bucket);
    if (loops.decay_and_add(gradients.data(), momentum_, velocity.data(), velocity.size()))
      std::ranges::copy(velocity, gradients.begin());
  }
  residual_.pay(bucket, gradients);
}

std::vector<CompressorState> TopK::state() {
  std::vector<CompressorState> state = residual_.state();
  if (velocity_) std::ranges::move(velocity_->state(), std::back_inserter(state));
  return state;
}

}  // namespace dl::worker::train
