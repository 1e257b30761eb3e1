#include "worker/train/data/dataset.h"

#include "worker/train/data/idx.h"
#include "worker/train/data/synthetic.h"
#include "worker/train/data/text.h"

namespace dl::worker::train {

Result<Splits> open_dataset(const DatasetRequest& request) {
  const bool images = request.categories.empty() && request.vocabulary == 0;
  if (request.spec.format == "idx" && !images) {
    return invalid_argument(
        "data.format: idx files hold images, and the model reads ids; "
        "write synthetic, or take a model of images");
  }
  if (request.spec.format == "idx") return open_idx(request);
  if (request.spec.format == "text" && request.vocabulary == 0) {
    return invalid_argument("data.format: text is for a model that reads tokens; take transformer");
  }
  if (request.spec.format == "text") return open_text(request);
  if (request.spec.format == "synthetic") return make_synthetic(request);
  return invalid_argument("data.format: \"" + request.spec.format +
                          "\" is unknown; write idx, text or synthetic");
}

}  // namespace dl::worker::train
