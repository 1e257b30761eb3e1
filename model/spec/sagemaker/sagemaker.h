// SageMaker: HyperParameterTuningJobConfig in JSON, with or without the
// CreateHyperParameterTuningJob request around it.
// docs/search.md says what becomes what.

#pragma once

#include "model/spec/dialect/dialect.h"

namespace dl::spec::sagemaker {

bool recognizes(const Node& root);

// A job whose command gets the values. See Dialect.
Node to_native(const Node& root, Findings& findings);

}  // namespace dl::spec::sagemaker
