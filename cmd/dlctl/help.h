// The texts of --help, and docs/dlctl.md, from the table of verbs.

#pragma once

#include <string>

#include "cmd/dlctl/command_line.h"

namespace dl::dlctl {

// Verbs, global flags, how jobs are named, the environment, exit codes.
std::string root_help(const CommandLine& line);
std::string group_help(const CommandLine& line, const CLI::App& group);
std::string verb_help(const Verb& verb, const CLI::App& app);

// docs/dlctl.md.
std::string reference_markdown(const CommandLine& line);

}  // namespace dl::dlctl
