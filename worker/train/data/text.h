// Text: any file, whose bytes are the tokens.

#pragma once

#include "worker/train/data/dataset.h"

namespace dl::worker::train {

// Sample i is bytes [i·T, i·T + T) of the file `spec.path`, T being `context`, and its labels are
// each byte's next. The last `spec.validation_samples` samples are held out, or a tenth of all when
// that is 0. kInvalidArgument when the file is too short, or has a byte that is not below
// `vocabulary`; kNotFound or an I/O error when it cannot be read.
Result<Splits> open_text(const DatasetRequest& request);

}  // namespace dl::worker::train
