// A Determined experiment's `searcher`.

#pragma once

#include "model/spec/dialect/native_job.h"

namespace dl::spec::determined {

void read_searcher(Fields& searcher, NativeJob& job);

}  // namespace dl::spec::determined
