#include "worker/train/compression/compressor.h"

#include <algorithm>

#include "base/assert.h"
#include "worker/train/compression/half.h"
#include "worker/train/compression/int8.h"
#include "worker/train/compression/power_sgd.h"
#include "worker/train/compression/top_k.h"

namespace dl::worker::train {

std::unique_ptr<Compressor> make_compressor(const CompressionSpec& spec,
                                            const std::vector<BucketShape>& buckets,
                                            double momentum) {
  if (spec.name == "fp16") return std::make_unique<Half>(collective::DataType::kFloat16);
  if (spec.name == "bf16") return std::make_unique<Half>(collective::DataType::kBfloat16);
  if (spec.name == "int8") return std::make_unique<Int8>(buckets);
  if (spec.name == "top_k") return std::make_unique<TopK>(spec.ratio, momentum, buckets);
  if (spec.name == "power_sgd") return std::make_unique<PowerSgd>(spec.rank, buckets);
  DL_ASSERT(spec.name == "none", "the spec was checked");
  return nullptr;
}

void Compressor::pay(std::size_t, std::span<float>) {}

void move_state(Compressor& from, Compressor& to) {
  const std::vector<CompressorState> old = from.state();
  for (const CompressorState& state : to.state()) {
    const auto same = std::ranges::find(old, state.name, &CompressorState::name);
    if (same == old.end()) continue;
    DL_ASSERT(same->values.size() == state.values.size(), "both are of the same model");
    std::ranges::copy(same->values, state.values.begin());
  }
}

}  // namespace dl::worker::train
