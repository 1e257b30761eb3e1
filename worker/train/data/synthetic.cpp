#include "worker/train/data/synthetic.h"

#include <algorithm>

namespace dl::worker::train {
namespace {

using Make = std::shared_ptr<const Dataset> (*)(const DatasetRequest&, std::uint64_t first,
                                                std::uint64_t count);

Make kind_of(const DatasetRequest& request) {
  if (!request.categories.empty()) return &make_synthetic_clicks;
  if (request.vocabulary > 0) return &make_synthetic_text;
  return &make_synthetic_images;
}

}  // namespace

Result<Splits> make_synthetic(const DatasetRequest& request) {
  const std::uint64_t samples = request.spec.samples;
  const std::uint64_t held_out = request.spec.validation_samples > 0
                                     ? request.spec.validation_samples
                                     : std::max<std::uint64_t>(samples / 10, 1);
  if (samples + held_out > UINT32_MAX) {
    return invalid_argument("data.samples: " + std::to_string(samples) +
                            " are more than 2^32; lower it");
  }
  const Make make = kind_of(request);
  return Splits{make(request, 0, samples), make(request, samples, held_out)};
}

}  // namespace dl::worker::train
