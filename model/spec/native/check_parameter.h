// What a parameter of a search means to the key of the spec that it names.

#pragma once

#include "model/job_spec.h"
#include "model/spec/document.h"

namespace dl::spec::native {

// `entry` is the parameter's below `search.parameters`. Where it names a key, every value it can
// take must be one that the key takes; a logarithmic range of a key of whole numbers becomes whole.
void check_parameter(const Entry& entry, const Node& root, const JobSpec& job, Parameter& parameter,
                     Problems& problems);

}  // namespace dl::spec::native
