// CloudML (AI Platform Training, Vizier): `trainingInput.hyperparameters` in YAML or JSON, with
// or without the trainingInput around it, keys in camelCase or snake_case.
// docs/search.md says what becomes what.

#pragma once

#include "model/spec/dialect/dialect.h"

namespace dl::spec::cloudml {

bool recognizes(const Node& root);

// A job whose command gets the values. See Dialect.
Node to_native(const Node& root, Findings& findings);

}  // namespace dl::spec::cloudml
