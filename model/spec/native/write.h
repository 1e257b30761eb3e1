// A job as the tree that reads back as the same job.

#pragma once

#include "model/spec/document.h"
#include "model/spec/keys.h"

namespace dl::spec::native {

// The value of `key` in `target`, as a document writes it.
Node write_value(const Key& key, Target target);

// All keys that apply to this kind of job, in the table's order.
Node write_job(const JobSpec& job);

}  // namespace dl::spec::native
