// Gradients as 8-bit integers on the wire, each block of 256 with the scale of its largest element
// (Dettmers 2016; both ways and with error feedback as in 1-bit Adam, Tang et al. 2021).
//
// Each rank owns a part of the bucket. All send it their codes of that part; it adds them up in
// the order of ranks, and sends its codes of the sum to all. Rounding is to nearest, to even where
// there are two. Both roundings go into residuals: that of the sum into its owner's.

#pragma once

#include "worker/train/compression/residual.h"

namespace dl::worker::train {

class Int8 final : public Compressor {
 public:
  static constexpr std::size_t kBlock = 256;

  explicit Int8(const std::vector<BucketShape>& buckets) : residual_(buckets) {}

  Result<void> sum(Wire& wire, std::size_t bucket, std::span<float> gradients) override;
  void pay(std::size_t bucket, std::span<float> gradients) override {
    residual_.pay(bucket, gradients);
  }
  std::vector<CompressorState> state() override { return residual_.state(); }

 private:
  // How a bucket is cut for a world: each rank's part is a number of whole blocks; the last parts
  // may reach beyond the bucket's end, or lie there altogether.
  struct Cut {
    std::size_t size;    // Of the bucket.
    std::size_t blocks;  // Of a part.
    std::size_t part() const { return blocks * kBlock; }
    std::size_t message_bytes() const { return blocks * (sizeof(float) + kBlock); }
    // The elements of block `block` of the part of `rank`.
    std::size_t begin(std::uint32_t rank, std::size_t block) const;
    std::size_t count(std::uint32_t rank, std::size_t block) const;
  };
  // The codes of one part: its scales, then its codes.
  struct Part {
    std::span<float> scales;
    std::span<std::int8_t> codes;
  };
  static Part part_of(std::span<float> messages, const Cut& cut, std::uint32_t rank);

  void encode(const Cut& cut, std::uint32_t world, std::span<const float> gradients);
  void reduce(const Cut& cut, std::uint32_t rank, std::uint32_t world);
  void decode(const Cut& cut, std::uint32_t rank, std::uint32_t world, std::span<float> gradients,
              std::span<float> residual);

  Residual residual_;
  std::vector<float> sent_;      // One message for each rank; floats for their alignment.
  std::vector<float> received_;  // One from each; then the sums of each.
  std::vector<float> sum_;       // Of this rank's part; then what its codes leave out.
};

}  // namespace dl::worker::train
