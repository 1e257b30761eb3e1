// The largest gradients of each chunk, and nothing of the others until error feedback has made
// them large (Strom 2015; Aji and Heafield 2017; Lin et al. 2018: deep gradient compression).
//
// Buckets are cut into chunks that stay in a core's cache. Each rank sends the indices and values
// of the k = ⌈ratio × n⌉ elements of largest magnitude of each, of equal ones the first, to all
// others; what came is added up in the order of ranks.
//
// With a momentum: each rank adds its gradients to a velocity of its own, and the velocity is what
// waits to be large (momentum correction, Lin et al. 2018, §3). An optimizer's momentum would go on
// pushing for many steps along what came late in one; so the velocity of what is sent starts anew.

#pragma once

#include <array>
#include <optional>

#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/residual.h"

namespace dl::worker::train {

class TopK final : public Compressor {
 public:
  static constexpr std::size_t kChunk = 1 << 16;

  // 0 < ratio ≤ 0.5: above, indices and values are more than the gradient itself.
  // 0 ≤ momentum < 1.
  TopK(double ratio, double momentum, const std::vector<BucketShape>& buckets);

  Result<void> sum(Wire& wire, std::size_t bucket, std::span<float> gradients) override;
  void pay(std::size_t bucket, std::span<float> gradients) override;
  std::vector<CompressorState> state() override;

 private:
  // What one rank sends, in place in the message of all.
  struct Block {
    std::span<std::uint32_t, 1> finite;
    std::span<std::uint32_t> indices;
    std::span<float> values;
  };
  Block block_of(std::uint32_t rank, std::size_t count);
  std::size_t count_of(std::size_t chunk_size) const;
  std::size_t count_of_bucket(std::size_t size) const;
  bool take(std::size_t bucket, std::span<const float> gradients, Block block);
  void select(std::span<const float> values, std::span<std::uint32_t> indices);
  void put_back(std::size_t bucket, std::span<const float> gradients, Block block);
  Result<void> sum_blocks(std::uint32_t world, std::size_t count, std::span<float> gradients);

  const double ratio_;
  const float momentum_;
  Residual residual_;
  std::optional<BucketFloats> velocity_;  // With a momentum.
  std::vector<float> taken_velocity_;     // Of the elements in this step's block.
  std::array<std::uint32_t, kernels::kBins> histogram_;
  std::vector<std::uint32_t> candidates_;
  std::vector<std::uint32_t> magnitudes_;
  std::vector<std::uint32_t> message_;  // Blocks of words, one a rank.
};

}  // namespace dl::worker::train
