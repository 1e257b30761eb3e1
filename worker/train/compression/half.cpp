#include "worker/train/compression/half.h"

#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/scratch.h"

namespace dl::worker::train {

Result<void> Half::sum(Wire& wire, std::size_t, std::span<float> gradients) {
  const std::span<std::uint16_t> rounded = scratch(rounded_, gradients.size());
  const kernels::Table& loops = kernels::table();
  const bool bfloat = type_ == collective::DataType::kBfloat16;
  (bfloat ? loops.to_bfloat16 : loops.to_float16)(gradients.data(), rounded.data(), rounded.size());
  DL_CHECK(wire.sum(type_, rounded));
  (bfloat ? loops.from_bfloat16 : loops.from_float16)(rounded.data(), gradients.data(),
                                                      rounded.size());
  return {};
}

}  // namespace dl::worker::train
