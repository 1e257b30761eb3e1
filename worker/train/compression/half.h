// Gradients as 16-bit floats on the wire: half of the bytes, by the ring's own all-reduce.
//
// Each addition is made in float32 and its result rounded. float16 keeps 11 bits, loses what is
// below 6e-8, and sums above 65,504 become infinite; bfloat16 keeps 8 bits and float32's range. No
// error feedback: the error is a rounding, of either sign.

#pragma once

#include "worker/train/compression/compressor.h"

namespace dl::worker::train {

class Half final : public Compressor {
 public:
  explicit Half(collective::DataType type) : type_(type) {}

  Result<void> sum(Wire& wire, std::size_t bucket, std::span<float> gradients) override;

 private:
  // Of a section of a bucket, which travels while its neighbours are rounded.
  static constexpr std::size_t kSection = 1 << 20;

  void round(std::span<const float> gradients, std::size_t section);
  void restore(std::span<float> gradients, std::size_t section) const;

  const collective::DataType type_;
  std::vector<std::uint16_t> rounded_;
};

}  // namespace dl::worker::train
