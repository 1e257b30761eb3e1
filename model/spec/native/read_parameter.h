// One parameter of a search: "train.learning_rate: {log: [1e-4, 1e-1]}".

#pragma once

#include <optional>
#include <string>

#include "model/spec/document.h"
#include "model/spec/keys.h"

namespace dl::spec::native {

// The parameter of an entry below `search.parameters`, without its condition. Nullopt when its
// values make no sense and a problem was added; problems of what stands beside them add up.
std::optional<Parameter> read_parameter(const Entry& entry, const std::string& path,
                                        Problems& problems);

// A name that "${name}" can hold: letters, digits, "_", "-" and ".", the first a letter or "_".
bool is_parameter_name(std::string_view name);

}  // namespace dl::spec::native
