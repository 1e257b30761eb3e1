// A parameter of a W&B sweep: its values, or a distribution by name.

#pragma once

#include "model/spec/dialect/fields.h"

namespace dl::spec::wandb {

// The parameter in the native form; nothing when it makes no sense and a problem was added.
Node read_distribution(Fields& fields);

}  // namespace dl::spec::wandb
