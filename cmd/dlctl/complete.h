// What the shell offers for the word being typed. Asks the coordinator for jobs and nodes, and
// does without when it does not answer within half a second.

#pragma once

#include <string>
#include <vector>

#include "cmd/dlctl/command_line.h"

namespace dl::dlctl {

// `words` are those behind "dlctl"; the last one, maybe empty, is being typed. A line a candidate,
// with its description behind a tab; a last line ":files" where files are to be offered.
std::string complete(const CommandLine& line, const std::vector<std::string>& words, Host& host);

// The script that makes bash, zsh or fish ask `dlctl __complete`.
Result<std::string> completion_script(const std::string& shell);

}  // namespace dl::dlctl
