#include "worker/train/compression/int8.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/scratch.h"

namespace dl::worker::train {

std::size_t Int8::Cut::begin(std::uint32_t rank, std::size_t block) const {
  return std::min(size, rank * part() + block * kBlock);
}

std::size_t Int8::Cut::count(std::uint32_t rank, std::size_t block) const {
  return std::min(size - begin(rank, block), kBlock);
}

Int8::Part Int8::part_of(std::span<float> messages, const Cut& cut, std::uint32_t rank) {
  float* at = messages.data() + rank * cut.message_bytes() / sizeof(float);
  return {.scales = {at, cut.blocks},
          .codes = {reinterpret_cast<std::int8_t*>(at + cut.blocks), cut.part()}};
}

Result<void> Int8::sum(Wire& wire, std::size_t bucket, std::span<float> gradients) {
  const std::uint32_t world = wire.world_size();
  const std::size_t blocks = (gradients.size() + kBlock - 1) / kBlock;
  const Cut cut = {.size = gradients.size(), .blocks = (blocks + world - 1) / world};
  const std::size_t words = world * cut.message_bytes() / sizeof(float);
  const std::span<float> sent = scratch(sent_, words);
  const std::span<float> received = scratch(received_, words);
  const std::span<float> residual = residual_.of(bucket);

  kernels::table().add(residual.data(), gradients.data(), gradients.size());
  encode(cut, world, gradients);
  DL_CHECK(wire.all_to_all(std::as_bytes(sent), std::as_writable_bytes(received)));
  reduce(cut, wire.rank(), world);
  DL_CHECK(wire.all_gather(std::as_writable_bytes(received)));
  decode(cut, wire.rank(), world, gradients, residual);
  return {};
}

void Int8::encode(const Cut& cut, std::uint32_t world, std::span<const float> gradients) {
  for (std::uint32_t rank = 0; rank < world; ++rank) {
    const Part part = part_of(sent_, cut, rank);
    for (std::size_t block = 0; block < cut.blocks; ++block) {
      std::int8_t* codes = part.codes.data() + block * kBlock;
      const std::size_t count = cut.count(rank, block);
      part.scales[block] =
          kernels::table().quantize(gradients.data() + cut.begin(rank, block), count, codes);
      std::fill(codes + count, codes + kBlock, std::int8_t{0});
    }
  }
}

// Takes what came for this rank's part, and leaves its codes of the sum in their place among
// those that all will have.
void Int8::reduce(const Cut& cut, std::uint32_t rank, std::uint32_t world) {
  const kernels::Table& loops = kernels::table();
  std::ranges::fill(scratch(sum_, cut.part()), 0.0f);
  for (std::uint32_t from = 0; from < world; ++from) {
    const Part part = part_of(received_, cut, from);
    for (std::size_t block = 0; block < cut.blocks; ++block) {
      loops.add_codes(part.codes.data() + block * kBlock, part.scales[block],
                      sum_.data() + block * kBlock, kBlock);
    }
  }
  const Part mine = part_of(received_, cut, rank);
  for (std::size_t block = 0; block < cut.blocks; ++block) {
    float* sum = sum_.data() + block * kBlock;
    std::int8_t* codes = mine.codes.data() + block * kBlock;
    mine.scales[block] = loops.quantize(sum, kBlock, codes);
    loops.add_codes(codes, -mine.scales[block], sum, kBlock);
  }
}

void Int8::decode(const Cut& cut, std::uint32_t rank, std::uint32_t world,
                  std::span<float> gradients, std::span<float> residual) {
  const kernels::Table& loops = kernels::table();
  for (std::uint32_t owner = 0; owner < world; ++owner) {
    const Part sent = part_of(sent_, cut, owner);
    const Part result = part_of(received_, cut, owner);
    for (std::size_t block = 0; block < cut.blocks; ++block) {
      const std::size_t count = cut.count(owner, block);
      if (count == 0) break;
      float* gradient = gradients.data() + cut.begin(owner, block);
      float* kept = residual.data() + cut.begin(owner, block);
      if (!std::isfinite(result.scales[block])) {
        std::fill_n(gradient, count, std::numeric_limits<float>::quiet_NaN());
        continue;
      }
      std::copy_n(gradient, count, kept);
      loops.add_codes(sent.codes.data() + block * kBlock, -sent.scales[block], kept, count);
      if (owner == rank) {
        loops.add(sum_.data() + block * kBlock, kept, count);
      }
      std::fill_n(gradient, count, 0.0f);
      loops.add_codes(result.codes.data() + block * kBlock, result.scales[block], gradient, count);
    }
  }
}

}  // namespace dl::worker::train
