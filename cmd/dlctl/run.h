// One run of dlctl, from arguments to exit code. main() is this with the real process; tests have
// their own streams, environment and clock.

#pragma once

#include <string>
#include <vector>

#include "cmd/dlctl/host.h"

namespace dl::dlctl {

// `arguments` are those behind the program's name.
int run_dlctl(std::vector<std::string> arguments, Host& host);

}  // namespace dl::dlctl
