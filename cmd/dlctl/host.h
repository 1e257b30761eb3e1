// Host is the process as a verb sees it: streams, environment, clock. Tests hand in their own.

#pragma once

#include <functional>
#include <istream>
#include <ostream>
#include <string>

#include "base/time.h"
#include "cmd/dlctl/terminal/terminal.h"

namespace dl::dlctl {

struct Host {
  std::istream& in;
  std::ostream& out;  // Data.
  std::ostream& err;  // Messages.
  Environment env;
  std::function<Timestamp()> now;
  bool out_tty = false;
  bool err_tty = false;
  TerminalSize size;
  std::string program;  // The path of this binary; the daemons are beside it.
};

// $XDG_CONFIG_HOME/dl and $XDG_STATE_HOME/dl, with their defaults below $HOME.
std::string config_dir(const Environment& env);
std::string state_dir(const Environment& env);

// While one of these lives, Ctrl-C does not end the program; who waits asks `interrupted`.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};
bool interrupted();

}  // namespace dl::dlctl
