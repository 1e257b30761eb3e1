// From a job with a search to the jobs of its trials.

#pragma once

#include <string_view>

#include "base/result.h"
#include "model/job_spec.h"
#include "model/spec/document.h"
#include "model/spec/keys.h"

namespace dl::spec {

// The job of one trial: values of spec keys in their places, "${name}" in commands and environment
// replaced (substitute.h), without its search. A parameter that is not in the assignment because
// its condition does not hold leaves the spec's own value, or its default in a command.
//
// kInvalidArgument: the assignment is not one of this search, or its values do not fit together in
// one job, such as a batch that the workers cannot share; another trial may do better.
Result<JobSpec> apply_assignment(const JobSpec& job, const Assignment& assignment);

// The key of the spec that a parameter's name is; null when it is a word for "${name}". A command
// is told by words what a model has keys for, so that `train.epochs` of a command is a word.
const Key* key_of_parameter(std::string_view name, bool has_model);

// The value as a document would write it for this key.
Node node_of(const ParameterValue& value, const Key& key);

}  // namespace dl::spec
