// The options of the daemons. docs/options.md is made from these tables (a test compares).

#pragma once

#include <string>
#include <vector>

#include "base/options.h"

namespace dl::runtime {

std::vector<Option> coordinator_options();
std::vector<Option> agent_options();

// The whole of docs/options.md.
std::string options_document();

}  // namespace dl::runtime
