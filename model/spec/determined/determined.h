// Determined: an experiment's configuration in YAML, `hyperparameters` and `searcher`.
// docs/search.md says what becomes what.

#pragma once

#include "model/spec/dialect/dialect.h"

namespace dl::spec::determined {

bool recognizes(const Node& root);

// A job whose command gets the values. See Dialect.
Node to_native(const Node& root, Findings& findings);

}  // namespace dl::spec::determined
