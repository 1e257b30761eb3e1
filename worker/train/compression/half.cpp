#include "worker/train/compression/half.h"

#include <algorithm>
#include <future>

#include "worker/train/compression/kernels/kernels.h"
#include "worker/train/compression/scratch.h"

namespace dl::worker::train {

void Half::round(std::span<const float> gradients, std::size_t section) {
  const std::size_t begin = section * kSection;
  const std::size_t count = std::min(kSection, gradients.size() - begin);
  const kernels::Table& loops = kernels::table();
  const bool bfloat = type_ == collective::DataType::kBfloat16;
  (bfloat ? loops.to_bfloat16 : loops.to_float16)(gradients.data() + begin, rounded_.data() + begin,
                                                  count);
}

void Half::restore(std::span<float> gradients, std::size_t section) const {
  const std::size_t begin = section * kSection;
  const std::size_t count = std::min(kSection, gradients.size() - begin);
  const kernels::Table& loops = kernels::table();
  const bool bfloat = type_ == collective::DataType::kBfloat16;
  (bfloat ? loops.from_bfloat16 : loops.from_float16)(rounded_.data() + begin,
                                                      gradients.data() + begin, count);
}

// The thread that has the mesh mostly waits for it; another does the arithmetic meanwhile.
Result<void> Half::sum(Wire& wire, std::size_t, std::span<float> gradients) {
  const std::span<std::uint16_t> rounded = scratch(rounded_, gradients.size());
  const std::size_t sections = (gradients.size() + kSection - 1) / kSection;
  if (sections == 0) return {};
  round(gradients, 0);
  for (std::size_t i = 0; i < sections; ++i) {
    const auto neighbours = std::async(sections > 1 ? std::launch::async : std::launch::deferred,
                                       [this, gradients, sections, i] {
                                         if (i > 0) restore(gradients, i - 1);
                                         if (i + 1 < sections) round(gradients, i + 1);
                                       });
    const std::size_t begin = i * kSection;
    DL_CHECK(wire.sum(type_, rounded.subspan(begin, std::min(kSection, rounded.size() - begin))));
  }
  restore(gradients, sections - 1);
  return {};
}

}  // namespace dl::worker::train
