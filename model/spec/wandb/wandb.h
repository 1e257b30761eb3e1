// Weights & Biases: a sweep's configuration in YAML.
// docs/search.md says what becomes what.

#pragma once

#include "model/spec/dialect/dialect.h"

namespace dl::spec::wandb {

bool recognizes(const Node& root);

// A job whose command gets the values. See Dialect.
Node to_native(const Node& root, Findings& findings);

}  // namespace dl::spec::wandb
