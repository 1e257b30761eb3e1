// Where a daemon's options come from: the command line, the environment, and a YAML file with the
// same names as keys (`lost_after: 30s`), which the option `config` names.

#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "base/options.h"

namespace dl::runtime {

// Reads the keys of a YAML mapping into `options`. Errors begin with "<file>:<line>:<column>: ";
// an unknown key comes with the nearest known one.
Result<void> read_config_text(Options& options, const std::string& file, const std::string& text);
Result<void> read_config_file(Options& options, const std::filesystem::path& file);

// What the command line asks for besides running.
enum class Startup { kRun, kHelp, kVersion };

// Reads everything, in the order that lets the flags and the environment name the file. The
// table must have the path option `config`. `arguments` are those after the program's name.
Result<Startup> load_options(Options& options, std::span<const char* const> arguments);

// $XDG_STATE_HOME/dl, else ~/.local/state/dl: where state is kept when no option says otherwise.
std::filesystem::path state_home();

}  // namespace dl::runtime
