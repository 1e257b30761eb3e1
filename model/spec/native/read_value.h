// Reading one value of one key: its type, its bounds, its words.

#pragma once

#include <string>

#include "model/spec/document.h"
#include "model/spec/keys.h"

namespace dl::spec::native {

// Puts the value of `node` where `key` belongs in `target`; `path` is the key's whole name for
// problems. False when it was wrong and a problem was added.
bool read_value(const Key& key, const Node& node, const std::string& path, Target target,
                Problems& problems);

}  // namespace dl::spec::native
