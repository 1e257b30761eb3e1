#include "worker/train/data/dataset.h"

#include "worker/train/data/idx.h"
#include "worker/train/data/synthetic.h"

namespace dl::worker::train {

Result<Splits> open_dataset(const DatasetRequest& request) {
  if (request.spec.format == "idx") return open_idx(request);
  if (request.spec.format == "synthetic") return make_synthetic(request);
  return invalid_argument("data.format: \"" + request.spec.format +
                          "\" is unknown; write idx or synthetic");
}

}  // namespace dl::worker::train
